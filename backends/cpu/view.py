"""Views, as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def permute(a: Array, *, axes: tuple[int, ...]) -> Array:
    return a.transpose(axes)


def broadcast(sig: Any, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    with_ones = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return lambda a: np.broadcast_to(a.reshape(with_ones) if a.flags.c_contiguous else np.expand_dims(a, axes), shape)


def reshape(a: Array, *, shape: tuple[int, ...]) -> Array:
    return a.reshape(shape)


def slice_(sig: Any, *, starts: tuple[int, ...], stops: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    key = tuple(slice(*b) for b in zip(starts, stops, steps, strict=True))
    return lambda a: a[key]


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
    for fn in (permute, reshape, concat):
        registry.kernel(fn.__name__)(fn)
    registry.kernel("broadcast", specialize=True)(broadcast)
    registry.kernel("slice", specialize=True)(slice_)
    registry.kernel("unslice", specialize=True)(unslice)
