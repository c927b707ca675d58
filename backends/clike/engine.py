"""What a kernel is before any driver has seen it, and what a driver must offer to run it.

A kernel's arguments are, in this order: the pointers of its arrays (inputs, then outputs), its runtime scalars, and one
struct of i64 by value: the arrays' offsets, then the numbers of the layout (`Launch.numbers`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from .array import Array, Shape, dense_strides

__all__ = ["Call", "Engine", "Launch", "Source", "Target", "header", "whole"]


_USED = re.compile(r"\bM_[A-Z0-9]+_(\w+)\(")
_FAMILY = re.compile(r"^(?:\w+_FUNCTIONS|DEVICE_\w+)\((\w+).*\n", re.M)


@cache
def header() -> str:
    """The text that goes before every kernel."""
    return (Path(__file__).parent / "dialect.h").read_text(encoding="utf-8")


def whole(kernel: str) -> str:
    """A kernel's text with the header before it, without the functions of types that it has none of: they take time to compile."""
    used = {m[1] for m in _USED.finditer(kernel)}
    return _FAMILY.sub(lambda m: m[0] if m[1] in used else "\n", header()) + kernel


class Target(NamedTuple):
    """The facts of a device on which kernels depend.

    * `cpu`: no local memory to gain from, vectors of `lanes` f32 to fill.
    * `group`: work-items of a group where nothing else decides; `local_bytes` of fast memory per group.
    * `vector`: f32 lanes of a register, as a vector type that the compiler survives (1: none); `fused`: fma is one instruction.
    * `units`: how many groups run at once, roughly.
    """

    cpu: bool
    group: int = 256
    lanes: int = 16
    local_bytes: int = 32768
    vector: int = 1
    units: int = 64
    f64: bool = True
    fused: bool = True


class Source(NamedTuple):
    """A kernel: its function's name, the text after the header, the size of its groups, and the dtypes of its scalars."""

    name: str
    text: str
    group: tuple[int, int, int]
    scalars: tuple[Any, ...] = ()


class Launch(NamedTuple):
    """A kernel with a layout: how many groups to run, and the numbers behind the offsets in the struct."""

    source: Source
    groups: tuple[int, int, int]
    numbers: tuple[int, ...]


Call = Callable[[Sequence[Array], Sequence[Any]], None]


class Engine:
    """A driver: allocates, prepares launches, copies. The kernel families of this package are written against it."""

    target: Target
    copier: Any  # of `memory.Copier`, shared by all families

    def allocate(self, nbytes: int) -> Any:
        """A buffer; raises `OutOfMemoryError`."""
        raise NotImplementedError

    def prepare(self, launch: Launch) -> Call:
        """The function that runs a launch on (arrays, scalars), after what was launched before it."""
        raise NotImplementedError

    def write(self, a: Array, host: Any) -> None:
        """Copy a contiguous NumPy array into a dense array, complete when this returns."""
        raise NotImplementedError

    def read(self, a: Array, host: Any) -> None:
        """Copy a dense array into a contiguous NumPy array, complete when this returns."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait for all that was launched."""
        raise NotImplementedError

    def fastest(self, key: str, choices: Mapping[str, Callable[[], Call]], arrays: Sequence[Array]) -> Call:
        """The best of several ways to do the same, by name: the first, unless a driver measures (`tune.Tuner`)."""
        return next(iter(choices.values()))()

    def maker(self, shape: Shape, dtype: Any) -> Callable[[], Array]:
        """A function that makes dense arrays of one type, uninitialised; everything but the buffer is ready before."""
        nbytes, strides, allocate = prod(shape) * dtype.itemsize, dense_strides(shape), self.allocate
        return lambda: Array(allocate(nbytes), 0, shape, strides, dtype)

    def empty(self, shape: Shape, dtype: Any) -> Array:
        """A new dense array, uninitialised."""
        return Array(self.allocate(prod(shape) * dtype.itemsize), 0, shape, dense_strides(shape), dtype)
