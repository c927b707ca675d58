"""What a VJP sees of a recorded call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tensor import Tensor, wrap

if TYPE_CHECKING:
    from .device import Device
    from .tape import Record, Tape

__all__ = ["Entry"]


class Entry:
    """Attributes, types, scalars, and the saved values as tensors: untraced, or on the `shared` tape of a recorded backward pass."""

    __slots__ = ("_device", "_record", "_shared", "attrs", "plan", "scalars")

    def __init__(self, record: Record, device: Device, shared: Tape | None) -> None:
        self._record, self._device, self._shared = record, device, shared
        self.plan, self.scalars = record[1], record[5]
        self.attrs = self.plan.attrs

    @property
    def inputs(self) -> Any:
        """Types (shape, dtype) of the inputs."""
        return self.plan.inputs

    @property
    def outputs(self) -> Any:
        return self.plan.outputs

    def input(self, i: int) -> Tensor:
        """The saved input `i`."""
        return self._value(i, self.plan.inputs[i], self._record[2][i])

    def output(self) -> Tensor:
        """The saved output."""
        serial, _, _, out_ids, *_ = self._record
        return self._value(-1, self.plan.outputs[0], out_ids[0] if out_ids else serial)

    def _value(self, key: int, type_: Any, id: int) -> Tensor:
        t = wrap(self._record[4][self.plan.saves.index(key)], type_, self._device)
        if self._shared is not None:
            t.id = id
            if type_.dtype.is_float:
                t._serial, t._tape = id if id % 2 else 0, self._shared
        return t
