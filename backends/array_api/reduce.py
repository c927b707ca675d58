"""Reductions: NaN propagates, narrow floats accumulate in f32."""

from __future__ import annotations

from typing import Any

from ...core.contract import u8
from .namespace import Namespace


def register(registry: Any, space: Namespace) -> None:
    def reduce(sig: Any, *, kind: str, axes: tuple[int, ...], dtype: Any) -> Any:
        source, fold = sig.inputs[0].dtype, getattr(space.xp, kind)
        if not axes:
            return space.guard(space.compile(lambda a: space.xp.asarray(space.cast(a, source, dtype), copy=True)))
        adds = kind in ("sum", "prod")
        through = dtype if adds else u8 if source.kind == "bool" else source
        settle = space.settle(through) if adds else None
        exact = {"dtype": space.dtype(space.computes(through))} if adds else {}

        def kernel(a: Any) -> Any:
            wide = (
                space.widen(a, source) if source is through else space.convert(space.widen(a, source), source, through)
            )
            out = fold(wide, axis=axes, **exact)
            out = space.narrow(out if settle is None else settle(out), through)
            return out if dtype is through else space.cast(out, through, dtype)

        return space.guard(space.compile(kernel))

    registry.kernel("reduce", specialize=True, base=True)(space.guard(reduce))
