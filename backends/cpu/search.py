"""Orders, extreme places and running sums by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import quiet
from .native.along import running_sum_kernel

Array = np.ndarray[Any, Any]


def argsort(a: Array, *, axis: int, descending: bool) -> Array:
    """Stable, NaN the largest; descending keeps equal elements in place too."""
    a = a.astype(np.float32) if a.dtype.kind == "V" else a  # bf16 has no stable sort
    if not descending:
        return np.argsort(a, axis, kind="stable")
    return a.shape[axis] - 1 - np.flip(np.argsort(np.flip(a, axis), axis, kind="stable"), axis)


def argmax(a: Array, *, axis: int) -> Array:
    return np.asarray(np.argmax(a.astype(np.float32) if a.dtype.kind == "V" else a, axis))


def argmin(a: Array, *, axis: int) -> Array:
    return np.asarray(np.argmin(a.astype(np.float32) if a.dtype.kind == "V" else a, axis))


def cumsum(sig: Any, *, axis: int) -> Any:
    out = sig.outputs[0].dtype
    wide, narrow = out.compute.numpy, out.numpy
    by_numpy = quiet(lambda a: np.cumsum(a, axis, wide).astype(narrow, copy=False))
    return running_sum_kernel(sig, axis, by_numpy)


def register(registry: Any) -> None:
    for fn in (argsort, argmax, argmin):
        registry.kernel(fn.__name__)(fn)
    registry.kernel("cumsum", specialize=True)(cumsum)
