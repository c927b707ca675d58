"""Making, copying and casting arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .namespace import Namespace


def _empty(space: Namespace) -> Any:
    return lambda *, shape, dtype: space.xp.empty(shape, dtype=space.dtype(dtype), device=space.device)


def _fill(space: Namespace) -> Any:
    return lambda value, *, shape, dtype: space.xp.full(shape, value, dtype=space.dtype(dtype), device=space.device)


def _copy_in(space: Namespace) -> Any:
    """Narrow floats that NumPy itself does not have travel as f32, which is exact."""

    def copy_in(host: Any, *, dtype: Any) -> Any:
        foreign = dtype.numpy.kind == "V"
        host = host.astype(np.float32) if foreign else host
        made = space.xp.asarray(host, device=space.device, copy=True)
        return space.xp.astype(made, space.dtype(dtype)) if foreign else made

    return copy_in


def _copy_out(space: Namespace) -> Any:
    def copy_out(a: Any, *, dtype: Any) -> Any:
        foreign = dtype.numpy.kind == "V"
        host = space.to_host(space.widen(a, dtype) if foreign else a)
        return np.array(host, dtype.numpy, order="C", copy=True)

    return copy_out


def _copy(space: Namespace) -> Any:
    return lambda a: space.xp.asarray(a, copy=True)


def _contiguous(space: Namespace) -> Any:
    """The standard knows no strides. A library that has them registers its own, if kernels of its own need it."""
    return lambda a: a


def _cast(space: Namespace) -> Any:
    def cast(sig: Any, *, dtype: Any) -> Any:
        source = sig.inputs[0].dtype
        return space.guard(space.compile(lambda a: space.cast(a, source, dtype)))

    return cast


def _synchronize(space: Namespace) -> Any:
    return lambda: None


def register(registry: Any, space: Namespace) -> None:
    for name, make in (
        ("empty", _empty), ("fill", _fill), ("copy_in", _copy_in), ("copy_out", _copy_out), ("copy", _copy),
        ("contiguous", _contiguous), ("synchronize", _synchronize),
    ):  # fmt: skip
        registry.kernel(name, base=True)(space.guard(make(space)))
    registry.kernel("cast", specialize=True, base=True)(space.guard(_cast(space)))
