"""Gather and scatter-add along one axis, with shared leading dims."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .native.along import gather_kernel, scatter_kernel
from .native.kernel import Guarded


def _key(index: Any, axis: int) -> tuple[Any, ...]:
    """Open grids for the leading dims, then the index itself."""
    grids = np.ogrid[tuple(slice(n) for n in index.shape[:axis])] if axis else []
    extra = (1,) * (index.ndim - axis)
    return (*[g.reshape(g.shape + extra) for g in grids], index)


def _checked(index: Any, size: int, op: str) -> Any:
    if index.dtype == np.int64 and np.maximum.reduce(index.view(np.uint64), None, initial=0) < size:
        return index
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= size:
        raise IndexError(f"[{op}] index {low if low < 0 else high} is out of range for an axis of {size}")
    return index.astype(np.int64, copy=False)


def gather(sig: Any, *, axis: int) -> Any:
    """By machine code once the indices are known to be in range; by NumPy for other numbers."""
    slow = partial(_taken, axis=axis)
    return _guarded("gather", sig.inputs[0].shape[axis], gather_kernel(sig, axis, slow) or slow)


def _taken(a: Any, index: Any, axis: int) -> Any:
    return np.asarray(a[_key(index, axis)] if axis else np.take(a, index, 0))


def scatter_add(sig: Any, *, axis: int, size: int) -> Any:
    """By machine code once the indices are known to be in range; by NumPy for narrow numbers."""
    slow = partial(_by_numpy, axis=axis, size=size)
    return _guarded("scatter_add", size, scatter_kernel(sig, axis, size, slow) or slow)


def _guarded(op: str, size: int, kernel: Any) -> Guarded:
    return Guarded(partial(_checked, size=size, op=op), kernel, 1)


def _by_numpy(src: Any, index: Any, axis: int, size: int) -> Any:
    wide = np.float32 if src.dtype.itemsize == 2 and src.dtype.kind in "fV" else src.dtype
    out = np.zeros((*index.shape[:axis], size, *src.shape[index.ndim :]), wide)
    np.add.at(out, _key(index, axis), src.astype(wide, copy=False))
    return out.astype(src.dtype, copy=False)


def register(registry: Any) -> None:
    registry.kernel("gather", specialize=True)(gather)
    registry.kernel("scatter_add", specialize=True)(scatter_add)
