"""Reductions: NaN propagates, narrow floats accumulate in f32."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import quiet
from .native.reduce import reduce_kernel

_UFUNCS: dict[str, Any] = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def reduce(sig: Any, *, kind: str, axes: tuple[int, ...], dtype: Any) -> Any:
    if not axes:
        return lambda a: np.array(a, dtype.numpy)
    source = sig.inputs[0]
    return reduce_kernel(kind, source.shape, axes, source.dtype, dtype, _by_numpy(sig, kind, axes, dtype))


def _by_numpy(sig: Any, kind: str, axes: tuple[int, ...], dtype: Any) -> Any:
    ufunc, source, out_shape = _UFUNCS[kind], sig.inputs[0], sig.outputs[0].shape
    wide = dtype.compute.numpy if kind in ("sum", "prod") else source.dtype.numpy
    axis: Any = axes if len(axes) < source.rank else None
    if axis is not None and len(axis) == 1:
        axis = axis[0]

    def kernel(a: Any) -> Any:
        out = np.empty(out_shape, wide)
        ufunc.reduce(a, axis, None if a.dtype == wide else wide, out)
        return out if wide == dtype.numpy else out.astype(dtype.numpy)

    return quiet(kernel) if source.dtype.is_float else kernel


def register(registry: Any) -> None:
    registry.kernel("reduce", specialize=True)(reduce)
