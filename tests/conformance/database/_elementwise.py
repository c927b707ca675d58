"""The samples that every elementwise op gets, from the domains of its operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import DTypeError, ShapeError
from ..info import ErrorSample
from ..samples import S, Sample, edge, values

SPECIAL = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.0, -1.0, 0.5)
SHAPES = {
    "matrix": ((3, 4), "quick"),
    "rank-0": ((), "quick"),
    "one element": ((1,), "standard"),
    "size-1 dims": ((1, 3, 1), "standard"),
    "empty": ((0, 3), "quick"),
    "rank 6": ((2, 1, 3, 1, 2, 2), "standard"),
    "odd length": ((1031,), "standard"),
    "large": ((257, 263), "standard"),  # more than 2^16 elements, no power of two
    "huge": ((1000003,), "exhaustive"),
}


def elementwise(*draws: Callable[..., Any], special: bool = True, **kwargs: Any) -> tuple[Sample, ...]:
    """A sample per shape, and the special values: one operand each, or all pairs of them."""
    found = [S(name, *[d(*shape) for d in draws], **kwargs).at(level) for name, (shape, level) in SHAPES.items()]
    if special:
        found.append(S("special", *_special(len(draws)), **kwargs).only("float").without_gradient())
    if special and len(draws) == 1:
        found.append(
            S("largest", edge("largest", 1.0, -1.0, 0.5), **kwargs).only("float").without_gradient().at("standard")
        )
        found.append(
            S("subnormal", edge("subnormal", 0.5, -0.25, 1.0), **kwargs).only("float").without_gradient().at("standard")
        )
    return tuple(found)


def _special(n: int) -> tuple[Any, ...]:
    if n == 1:
        return (values(*SPECIAL),)
    pairs = [(a, b) for a in SPECIAL for b in SPECIAL]
    return tuple(values([p[min(i, 1)] for p in pairs]) for i in range(n))


def wrong_dtype(function: Callable[..., Any], name: str, n: int = 1, dtype: str = "bool", **kwargs: Any) -> ErrorSample:
    """Operands of a dtype that the op does not take."""
    words = (f"[{name}]",) if kwargs else (f"[{name}]", f"{dtype}[2]")
    return ErrorSample(
        f"{dtype} operand", lambda dev: function(*[dev.zeros((2,), dtype)] * n, **kwargs), DTypeError, words
    )


def wrong_shapes(function: Callable[..., Any], name: str, *extra: Any) -> tuple[ErrorSample, ...]:
    """Two operands that differ in shape, or in dtype."""
    return (
        ErrorSample(
            "shapes differ",
            lambda dev: function(dev.ones((2, 3)), dev.ones((2, 4)), *extra),
            ShapeError,
            (f"[{name}]", "f32[2, 3]", "f32[2, 4]", "a.shape[1] = 3", "b.shape[1] = 4"),
        ),
        ErrorSample(
            "no stretching",
            lambda dev: function(dev.ones((2, 3)), dev.ones((1, 3)), *extra),
            ShapeError,
            (f"[{name}]", "broadcast"),
        ),
        ErrorSample(
            "dtypes differ",
            lambda dev: function(dev.ones((2,)), dev.ones((2,), "f16"), *extra),
            DTypeError,
            (f"[{name}]", "f32[2]", "f16[2]", "to_dtype"),
        ),
    )
