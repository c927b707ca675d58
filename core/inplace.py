"""The only in-place writers: they use a kernel's `inplace` outputs, and raise the version of what they wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .checks import same_device, same_dtype, same_shape
from .door import launch, recorders
from .errors import ShapeError, TapeError
from .expr import MapProgram, RowProgram, arg, map_program
from .lower import lower
from .plan import Plan, make_plan
from .registry import OpSpec
from .tensor import next_serial
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .tensor import Tensor

__all__ = [
    "accumulate", "axpy", "copy_from", "copy_into", "fill_with_distr", "fill_with_ones", "fill_with_zeros", "update", "write"
]  # fmt: skip


class _Update(OpSpec):
    """A map whose first outputs overwrite its first inputs."""

    kind = "update"

    def infer(self, tensors: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        program: MapProgram = attrs["program"]
        for t in tensors[1:]:
            same_shape(self.name, tensors[0], t)
        outs = tuple(TensorType(tensors[0].shape, d) for d in program.out_dtypes)
        return outs[0] if len(outs) == 1 else outs

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Any:
        kernel = self._kernel(device, sig, attrs["program"], sig.outputs[0].shape)
        if kernel is None:
            raise self.missing(device, sig)
        return kernel

    def _kernel(self, device: Device, sig: Signature, program: Any, shape: tuple[int, ...]) -> Any:
        if isinstance(program, RowProgram):  # its outputs are new arrays, which the targets take over
            kernel = device.find("row", sig, {"program": program, "outer": (), "inner": shape})
            return kernel if kernel is not None else lower(device, program, (), shape)
        inplace = tuple(range(len(sig.outputs)))
        return device.find("map", sig, {"program": program, "shape": shape, "inplace": inplace})


UPDATE = _Update("update", None, attrs=("program",))
UPDATE.differentiable = False


def update(
    program: MapProgram,
    targets: Sequence[Tensor],
    others: Sequence[Tensor] = (),
    scalars: tuple[Any, ...] = (),
    writer: str = "update",
) -> None:
    """Overwrite `targets` with the outputs of `program` over (targets, others, scalars), in one launch.

    * `program`: a map, or a row program over the whole tensor.

    The tensors must have one shape; outputs and targets have the same dtypes.
    """
    plan = update_plan(program, targets, others, writer)
    cells = tuple([t._cell for t in (*targets, *others)])
    values = launch(plan, (*[c.array for c in cells], *scalars), cells)
    for t, value in zip(targets, values if plan.type is None else (values,), strict=True):
        _put(t._cell, value, writer)


def update_plan(program: MapProgram, targets: Sequence[Tensor], others: Sequence[Tensor], writer: str) -> Plan:
    """The plan of an update, found once per program and shapes."""
    first, tensors = targets[0], (*targets, *others)
    key = (UPDATE, program, first.shape, *[t.shape for t in others])
    plan = first.device.plans.get(key)
    if plan is None:
        for t in targets:
            _writable(t, writer)
        same_device(writer, tensors)
        plan = first.device.plans[key] = make_plan(UPDATE, tensors, (program,), first.device)
    return plan  # type: ignore[no-any-return]


def _put(cell: Any, array: Any, writer: str) -> None:
    """A cell's new value."""
    former = cell.array
    cell.array, cell.version, cell.writer = array, next_serial(), writer
    for recorder in recorders:
        recorder.wrote(cell, former, writer)


def _writable(t: Tensor, writer: str) -> None:
    if t._view is not None or not hasattr(t._cell, "array") or hasattr(t._cell, "source"):
        raise TapeError(f"[{writer}] {t.type_text} is a view: write to its source")


def write(target: Tensor, value: Tensor, writer: str = "write") -> None:
    """Put the value of another tensor of the same shape, dtype and device into `target`."""
    _writable(target, writer)
    same_shape(writer, target, value)
    same_dtype(writer, target, value)
    same_device(writer, (target, value))
    _put(target._cell, target.device.copy_cell(value._cell, value._type), writer)


_sums: dict[Any, MapProgram] = {}


def accumulate(former: Tensor, g: Tensor, owned: bool) -> Tensor:
    """former + g: in place where `owned` says that nobody else holds the former array."""
    if not owned or former._serial is not None or g._serial is not None or former.numel == 0:
        return former + g
    program = _sums.get(former.dtype)
    if program is None:
        d = former.dtype
        program = _sums[d] = map_program((arg(0) + arg(1),), (d, d), (d,), 0)
    update(program, (former,), (g,), (), "accumulate")
    return former


def axpy(a: Tensor, alpha: float, b: Tensor, beta: float) -> Tensor:
    """In place: a becomes alpha * a + beta * b; returns a. The function `dfdx.axpy` gives a new tensor."""
    from .expr import scalar

    _untraced("axpy", a, b)
    same_device("axpy", (a, b))
    same_dtype("axpy", a, b)
    same_shape("axpy", a, b)
    _writable(a, "axpy")
    d = a.dtype
    program = map_program((scalar(0) * arg(0) + scalar(1) * arg(1),), (d, d), (d,), 2)
    if a.numel:
        update(program, (a,), (b,), (alpha, beta), "axpy")
    return a


def _untraced(op: str, *tensors: Tensor) -> None:
    for t in tensors:
        if t._serial is not None:
            raise TapeError(f"[{op}] {t.type_text} was recorded; it is a value of a tape\n  hint: x.detach()")


def copy_from(self: Tensor, source: Any) -> Tensor:
    """In place: the values of a tensor, an array or nested lists of the same shape; returns self."""
    from .tensor import Tensor

    _untraced("copy_from", self)
    if isinstance(source, Tensor) and source.device == self.device:
        value = source
    else:
        value = self.device.tensor(source, self.dtype if not isinstance(source, Tensor) else None)
    write(self, value, "copy_from")
    return self


def copy_into(self: Tensor, target: Any) -> Any:
    """Put the values into a writable NumPy array of the same shape, in its dtype; returns the array."""
    values = self.array()
    if target.shape != values.shape:
        raise ShapeError(f"[copy_into] {self.type_text} does not fit an array of shape {list(target.shape)}")
    target[...] = values
    return target


def fill_with_zeros(self: Tensor) -> Tensor:
    """In place: all elements 0; returns self."""
    return _filled(self, "fill_with_zeros", self.device.zeros_like(self))


def fill_with_ones(self: Tensor) -> Tensor:
    """In place: all elements 1; returns self."""
    return _filled(self, "fill_with_ones", self.device.ones_like(self))


def fill_with_distr(self: Tensor, distribution: str = "uniform", *parameters: Any) -> Tensor:
    """In place: the device's next draws, as `dev.sample`; returns self."""
    drawn = self.device.sample(
        self.shape, distribution, *parameters, dtype=None if distribution == "bernoulli" else self.dtype
    )
    return _filled(self, "fill_with_distr", drawn.to_dtype(self.dtype))


def _filled(target: Tensor, writer: str, value: Tensor) -> Tensor:
    _untraced(writer, target)
    write(target, value, writer)
    return target
