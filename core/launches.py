"""What a backend that replays captured steps by itself is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Launch", "Slot"]


class Slot(NamedTuple):
    """A number that each replay gives anew, by its place among them."""

    place: int


class Launch(NamedTuple):
    """One kernel call: `kernel(*arrays, *numbers)`.

    * `name`, `attrs`: the op or primitive and its attributes.
    * `inputs`, `outputs`: arrays by value number; an output that overwrote an input (`attrs["inplace"]`) has a new number.
    * `numbers`: what follows the arrays, plain or a `Slot`.
    * `several`: whether the kernel returns a sequence.
    """

    name: str
    kernel: Callable[..., Any]
    attrs: dict[str, Any]
    inputs: tuple[int, ...]
    numbers: tuple[Any, ...]
    outputs: tuple[int, ...]
    several: bool

    def run(self, values: dict[int, Any], numbers: Sequence[Any]) -> None:
        """Launch on the arrays in `values`, with what each `Slot` names of `numbers`, and put the outputs there."""
        given = [numbers[n.place] if isinstance(n, Slot) else n for n in self.numbers]
        out = self.kernel(*[values[v] for v in self.inputs], *given)
        values.update(zip(self.outputs, out if self.several else (out,), strict=True))
