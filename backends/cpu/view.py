"""Views, as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .native.alias import alias_kernel, row_major
from .native.fallback import row_major_copy

Array = np.ndarray[Any, Any]


def permute(sig: Any, *, axes: tuple[int, ...]) -> Any:
    def slow(a: Array) -> Array:
        return a.transpose(axes)

    if not sig.inputs or len(sig.inputs[0].shape) != len(axes):
        return slow
    source = sig.inputs[0]
    strides = row_major(source.shape, source.dtype.itemsize)
    return alias_kernel(source, tuple(source.shape[i] for i in axes), tuple(strides[i] for i in axes), 0, True, slow)


def broadcast(sig: Any, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    with_ones = tuple(1 if i in axes else n for i, n in enumerate(shape))

    def slow(a: Array) -> Array:
        return np.broadcast_to(a.reshape(with_ones) if a.flags.c_contiguous else np.expand_dims(a, axes), shape)

    if not sig.inputs:
        return slow
    source = sig.inputs[0]
    steps = iter(row_major(source.shape, source.dtype.itemsize))
    strides = tuple(0 if i in axes else next(steps) for i in range(len(shape)))
    return alias_kernel(source, shape, strides, 0, False, slow)


def reshape(sig: Any, *, shape: tuple[int, ...]) -> Any:
    def slow(a: Array) -> Array:
        try:
            return a.reshape(shape, copy=False)
        except ValueError:
            return row_major_copy(a).reshape(shape)

    if not sig.inputs:
        return slow
    source = sig.inputs[0]
    return alias_kernel(source, shape, row_major(shape, source.dtype.itemsize), 0, True, slow)


def slice_(sig: Any, *, starts: tuple[int, ...], stops: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    key = tuple(slice(*b) for b in zip(starts, stops, steps, strict=True))

    def slow(a: Array) -> Array:
        return a[key]

    if not sig.inputs or not sig.outputs:
        return slow
    source, shape = sig.inputs[0], sig.outputs[0].shape
    strides = row_major(source.shape, source.dtype.itemsize)
    offset = sum(a * s for a, s in zip(starts, strides, strict=True))
    apart = tuple(s * step for s, step in zip(strides, steps, strict=True))
    return alias_kernel(source, shape, apart, offset, True, slow)


def concat(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis)


def unslice(sig: Any, *, shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Zeros with the input at strided places."""
    key = tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, sig.inputs[0].shape, steps, strict=True))

    def kernel(g: Array) -> Array:
        out = np.zeros(shape, g.dtype)
        out[key] = g
        return out

    return kernel


def register(registry: Any) -> None:
    registry.kernel("concat")(concat)
    registry.kernel("permute", specialize=True)(permute)
    registry.kernel("reshape", specialize=True)(reshape)
    registry.kernel("broadcast", specialize=True)(broadcast)
    registry.kernel("slice", specialize=True)(slice_)
    registry.kernel("unslice", specialize=True)(unslice)
