"""Samples: named inputs that are the same on every machine. A sample is a line: `S("rows", normal(3, 4), axis=1)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self
from zlib import crc32

import numpy as np

from ..core.dtypes import DTYPES, DType
from .reference.node import LARGEST, SMALLEST_NORMAL

__all__ = [
    "LEVELS", "Input", "S", "Sample", "away", "between", "edge", "few", "flags", "host", "ints", "normal", "permuted", "positive", "unit",
    "values",
]  # fmt: skip

LEVELS = ("quick", "standard", "exhaustive")
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Input:
    """One operand: a shape, how its values are drawn in float64, and a dtype of its own if it has one (an index)."""

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], Any]
    dtype: str | None = None

    def __call__(self, rng: np.random.Generator, dtype: type[DType]) -> Array:
        """The values as the device receives them, rounded to its dtype."""
        own = DTYPES[self.dtype] if self.dtype else dtype
        return host(np.asarray(self.draw(rng, self.shape)), own, fixed=self.dtype is not None)


def host(v: Array, dtype: type[DType], fixed: bool = False) -> Array:
    """Drawn values in a dtype: integers are quarters of what was drawn, unsigned ones without their sign, bools ask for > 0."""
    if dtype.kind == "bool":
        return v > 0
    if dtype.is_int and not fixed:
        v = np.rint(4 * v)
        v = np.abs(v) if dtype.kind == "uint" else v
    with np.errstate(all="ignore"):
        return np.asarray(v, dtype=v.dtype).astype(dtype.numpy)


def normal(*shape: int) -> Input:
    """Standard normal values."""
    return Input(shape, lambda rng, s: rng.standard_normal(s))


def between(low: float, high: float) -> Callable[..., Input]:
    """Uniform values of a domain: `between(-0.9, 0.9)(3, 4)`."""
    return lambda *shape: Input(shape, lambda rng, s: rng.uniform(low, high, s))


positive = between(0.25, 2.0)
unit = between(0.0, 1.0)


def away(*shape: int) -> Input:
    """Values at least 0.1 from every integer: away from the kinks and jumps of abs, relu, floor and their kin."""
    return Input(shape, lambda rng, s: np.floor(2 * rng.standard_normal(s)) + rng.uniform(0.1, 0.4, s))


def few(*shape: int) -> Input:
    """Three values only, so that there are many ties."""
    return Input(shape, lambda rng, s: rng.integers(0, 3, s) * 1.0)


def ints(n: int, *shape: int, dtype: str = "i64") -> Input:
    """Indices from 0 to n - 1, with repeats."""
    return Input(shape, lambda rng, s: rng.integers(0, n, s), dtype)


def permuted(n: int, dtype: str = "i64") -> Input:
    """Every index from 0 to n - 1 once."""
    return Input((n,), lambda rng, s: rng.permutation(n), dtype)


def flags(*shape: int) -> Input:
    """Bools."""
    return Input(shape, lambda rng, s: rng.integers(0, 2, s), "bool")


def values(*v: Any, dtype: str | None = None) -> Input:
    """The very values given (nested lists, or one number for rank 0)."""
    a = np.asarray(v[0] if len(v) == 1 else v)
    return Input(a.shape, lambda rng, s: a if a.dtype.kind in "iub" and dtype else np.asarray(a, np.float64), dtype)


_EDGES = {"subnormal": lambda d: SMALLEST_NORMAL[d.storage], "largest": lambda d: LARGEST[d.storage]}


@dataclass(frozen=True)
class Edge(Input):
    """Multiples of a dtype's smallest normal or largest number."""

    of: str = "largest"

    def __call__(self, rng: np.random.Generator, dtype: type[DType]) -> Array:
        return np.asarray(self.draw(rng, self.shape) * _EDGES[self.of](dtype)).astype(dtype.numpy)


def edge(of: str, *factors: float) -> Input:
    """The dtype's smallest normal ("subnormal") or largest number, times each factor."""
    return Edge((len(factors),), lambda rng, s: np.array(factors), None, of)


@dataclass(frozen=True)
class Sample:
    """A named call of an op: inputs, keyword arguments, and where it applies.

    * `dtypes`: "float" or "int" to leave out the other kind; `grad`: whether gradients are checked here;
    * `level`: the least level at which it runs.
    """

    name: str
    inputs: tuple[Input, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    dtypes: str = ""
    grad: bool = True
    level: str = "quick"

    def at(self, level: str) -> Self:
        """The same sample from this level on."""
        return replace(self, level=level)

    def only(self, dtypes: str) -> Self:
        """The same sample for "float", "int" or "bool" dtypes only (several with spaces)."""
        return replace(self, dtypes=dtypes)

    def without_gradient(self) -> Self:
        """The same sample, forward only: at a point where there is no gradient, or where it is another sample's business."""
        return replace(self, grad=False)

    def takes(self, dtype: type[DType]) -> bool:
        """Whether it applies to a dtype."""
        kind = "int" if dtype.is_int else dtype.kind
        return not self.dtypes or kind in self.dtypes.split()

    def arrays(self, owner: str, dtype: type[DType]) -> list[Array]:
        """The inputs in a dtype: the same on every machine and in every order of tests."""
        rng = np.random.default_rng(crc32(f"{owner}/{self.name}".encode()))
        return [i(rng, dtype) for i in self.inputs]


def S(name: str, *inputs: Input, **kwargs: Any) -> Sample:
    """A sample in one line."""
    return Sample(name, inputs, kwargs)
