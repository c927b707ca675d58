"""Reductions over any axes, as row programs; long rows are split so that every unit of the device has work."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

from ...core.contract import RowProgram, Signature, arg, cast, row_max, row_min, row_prod, row_program, row_sum
from .array import Array, Shape, Strides, dense_strides
from .engine import Engine
from .rows import layout, row_launch

__all__ = ["compile_reduce", "register"]

_MAKE: dict[str, Any] = {"sum": row_sum, "max": row_max, "min": row_min, "prod": row_prod}
SPLIT = 8192  # elements a row must have before it is worth two launches


@cache
def reduce_program(kind: str, source: Any, target: Any) -> RowProgram:
    """One reduction: computed in the result's own dtype, f32 for narrow floats."""
    x = arg(0) if source.compute is target.compute else cast(arg(0), target)
    return row_program((_MAKE[kind](x),), (source,), (target,), 0, ("full",), ("row",))


def compile_reduce(engine: Engine, kind: str, shape: Shape, source: Any, axes: tuple[int, ...], dtype: Any) -> Callable[[Array], Array]:  # fmt: skip
    """A function from an array to its reduction over `axes`."""
    kept = tuple([i for i in range(len(shape)) if i not in axes])
    outer, inner = tuple([shape[i] for i in kept]), tuple([shape[i] for i in axes])
    order, rows, n = kept + axes, prod(outer), prod(inner)
    out_strides = dense_strides(outer)
    calls: dict[Strides, Any] = {}
    parts = _parts(rows, n, engine.target.units)
    wide = dtype.compute
    make, make_middle = engine.maker(outer, dtype), engine.maker((rows * parts,), wide)

    def prepare(a: Array) -> Any:
        turned = tuple([a.strides[i] for i in order])
        lay = layout(("full", "row"), outer, inner, [turned, out_strides])
        if parts == 1:
            return engine.prepare(row_launch(reduce_program(kind, source, dtype), lay, engine.target)), None
        launch = row_launch(reduce_program(kind, source, wide), lay, engine.target, parts)
        by_items = launch.source.name == "row_items"
        steps = (1, rows) if by_items else (parts, 1)
        rest = layout(("full", "row"), (rows,), (parts,), [steps, (1 if rows > 1 else 0,)])
        return engine.prepare(launch), engine.prepare(
            row_launch(reduce_program(kind, wide, dtype), rest, engine.target)
        )

    def kernel(a: Array) -> Array:
        call = calls.get(a.strides)
        if call is None:
            call = calls[a.strides] = prepare(a)
        first, second = call
        out = make()
        if second is None:
            first((a, out), ())
        else:
            middle = make_middle()
            first((a, middle), ())
            second((middle, out), ())
        return out

    return kernel


def _parts(rows: int, n: int, units: int) -> int:
    """How many parts a row is folded in."""
    if rows >= units or rows * n < SPLIT:
        return 1
    return max(1, min(-(-units // rows), n // 512))


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("reduce", specialize=True)
    def reduce(sig: Signature, *, kind: str, axes: tuple[int, ...], dtype: Any) -> Any:
        return compile_reduce(engine, kind, sig.inputs[0].shape, sig.inputs[0].dtype, axes, dtype)
