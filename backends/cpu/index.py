"""Gather and scatter-add along one axis, with shared leading dims."""

from __future__ import annotations

from typing import Any

import numpy as np

from .native.along import scatter_kernel


def _key(index: Any, axis: int) -> tuple[Any, ...]:
    """Open grids for the leading dims, then the index itself."""
    grids = np.ogrid[tuple(slice(n) for n in index.shape[:axis])] if axis else []
    extra = (1,) * (index.ndim - axis)
    return (*[g.reshape(g.shape + extra) for g in grids], index)


def _checked(index: Any, size: int, op: str) -> Any:
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= size:
        raise IndexError(f"[{op}] index {low if low < 0 else high} is out of range for an axis of {size}")
    return index.astype(np.int64, copy=False)


def gather(a: Any, index: Any, *, axis: int) -> Any:
    index = _checked(index, a.shape[axis], "gather")
    out = a[_key(index, axis)] if axis else np.take(a, index, 0)
    return np.asarray(out)


def scatter_add(sig: Any, *, axis: int, size: int) -> Any:
    """By machine code once the indices are known to be in range; by NumPy for narrow numbers."""
    add = scatter_kernel(sig, axis, size, lambda src, index: _by_numpy(src, index, axis, size))
    if add is None:
        return lambda src, index: _by_numpy(src, _checked(index, size, "scatter_add"), axis, size)
    return lambda src, index: add(src, _checked(index, size, "scatter_add"))


def _by_numpy(src: Any, index: Any, axis: int, size: int) -> Any:
    wide = np.float32 if src.dtype.itemsize == 2 and src.dtype.kind in "fV" else src.dtype
    out = np.zeros((*index.shape[:axis], size, *src.shape[index.ndim :]), wide)
    np.add.at(out, _key(index, axis), src.astype(wide, copy=False))
    return out.astype(src.dtype, copy=False)


def register(registry: Any) -> None:
    registry.kernel("gather")(gather)
    registry.kernel("scatter_add", specialize=True)(scatter_add)
