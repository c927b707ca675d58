"""What is known of a tensor's shape before there is one: dims with a number, and dims that equal others.

`build_module` sends a `Known` through a model; modules say what they need and what they give (`Module.propagate`).
Dims are counted from the end, since the number of leading axes is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.public import ShapeError

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Dim", "Known", "mismatch"]


class Dim:
    """A number, or an unknown that may turn out to be one, or another dim plus a constant."""

    __slots__ = ("offset", "origin", "parent", "value")

    def __init__(self, value: int | None = None, origin: str = "", parent: Dim | None = None, offset: int = 0) -> None:
        self.value, self.origin, self.parent, self.offset = value, origin, parent, offset

    def root(self) -> tuple[Dim, int]:
        """(the dim that this one hangs on, what to add to it)."""
        node, offset = self, 0
        while node.parent is not None:
            offset, node = offset + node.offset, node.parent
        return node, offset

    @property
    def number(self) -> int | None:
        """The number, if it is known."""
        node, offset = self.root()
        return None if node.value is None else node.value + offset

    @property
    def source(self) -> str:
        """Who made it known."""
        return self.root()[0].origin

    def plus(self, offset: int) -> Dim:
        """This dim and a constant."""
        return Dim(parent=self, offset=offset) if offset else self

    def equals(self, other: Dim) -> bool:
        """Make the two one; False if they cannot be."""
        (a, i), (b, j) = self.root(), other.root()
        if a is b:
            return i == j
        if a.value is not None and b.value is not None:
            return a.value + i == b.value + j
        (a, i), (b, j) = ((a, i), (b, j)) if a.value is None else ((b, j), (a, i))
        a.parent, a.offset = b, j - i
        return True


class Known:
    """The dims of one tensor that are known, by axis from the end (-1 is the last)."""

    def __init__(self, dims: Mapping[int, Dim] | None = None) -> None:
        self.dims: dict[int, Dim] = dict(dims or {})

    def __getitem__(self, axis: int) -> Dim:
        return self.dims.setdefault(axis, Dim())

    def need(self, module: Module, what: str, **axes: int) -> Known:
        """Raise unless the named axes can have these numbers: `need(self, "channels", c=3)`, c being axis -3."""
        for name, wanted in axes.items():
            dim = self[AXES[name]]
            if not dim.equals(Dim(wanted, named(module))):
                raise mismatch(module, f"takes {wanted} {what}", f"the module before it gives {dim.number}", dim.source)
        return self

    def give(self, module: Module, **axes: int | Dim) -> Known:
        """The same dims but for the named axes."""
        new = {AXES[k]: v if isinstance(v, Dim) else Dim(v, named(module)) for k, v in axes.items()}
        return Known({**self.dims, **new})

    def moved(self, by: int) -> Known:
        """The dims with axes counted anew: `by` axes were put at the end (negative: the last ones were removed)."""
        return Known({a - by: d for a, d in self.dims.items() if a - by < 0})

    def same(self, module: Module, other: Known, what: str) -> Known:
        """Raise unless both can have one shape; returns what is known of it."""
        for axis in sorted({*self.dims, *other.dims}):
            a, b = self[axis], other[axis]
            if not a.equals(b):
                sizes = f"{_size(a)} and {_size(b)}"
                raise mismatch(module, what, f"they have {sizes} on axis {axis}", a.source, b.source)
        return self


AXES = {"last": -1, "w": -1, "h": -2, "c": -3, "c1d": -2, "l": -1}  # names of axes in modules' rules


def _size(d: Dim) -> str:
    node, offset = d.root()
    return str(node.value + offset) if node.value is not None else f"n{offset:+d}" if offset else "n"


def named(module: Module) -> str:
    """`0.1: Linear(10, 32)`."""
    return f"{module._path}: " * bool(module._path) + f"{type(module).__name__}({module.settings()})"


def mismatch(module: Module, wants: str, has: str, *origins: str) -> ShapeError:
    """The error of a check at build time; `origins` are the modules that gave the numbers."""
    known = [o for o in dict.fromkeys(origins) if o]
    lines = [f"{named(module)}: [build_module] {wants}, but {has}", *[f"  from {o}" for o in known]]
    error = ShapeError("\n".join([*lines, "  hint: make the numbers equal"]))
    error.located = True  # type: ignore[attr-defined]
    return error


def parts(known: Any, n: int) -> list[Known]:
    """What is known of `n` inputs."""
    if isinstance(known, tuple) and len(known) == n:
        return [k if isinstance(k, Known) else Known() for k in known]
    return [Known() for _ in range(n)]


def one(known: Any) -> Known:
    """What is known of a single input."""
    return known if isinstance(known, Known) else Known()
