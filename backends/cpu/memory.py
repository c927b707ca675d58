"""Making, copying and casting arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import expr, map_program, philox_words, quiet, u32
from .native.fallback import row_major_copy
from .native.maps import map_kernel

Array = np.ndarray[Any, Any]


def empty(*, shape: tuple[int, ...], dtype: Any) -> Array:
    return np.empty(shape, dtype.numpy)


def fill(value: Any, *, shape: tuple[int, ...], dtype: Any) -> Array:
    return np.zeros(shape, dtype.numpy) if value == 0 else np.full(shape, value, dtype.numpy)


def copy_in(host: Array, *, dtype: Any) -> Array:
    return np.array(host, dtype.numpy, order="C", copy=True)


def copy_out(a: Array, *, dtype: Any) -> Array:
    return np.array(a, order="C", copy=True)


def copy(a: Array) -> Array:
    return np.array(a, order="C", copy=True)


def contiguous(a: Array) -> Array:
    return a if a.flags.c_contiguous else row_major_copy(a)


def cast(sig: Any, *, dtype: Any) -> Any:
    """Floats to integers saturate and NaN gives 0, as Rust's `as`; to bool asks whether it is not 0."""
    source, shape = sig.inputs[0].dtype, sig.inputs[0].shape
    program = map_program((expr.cast(expr.arg(0), dtype),), (source,), (dtype,))
    return map_kernel(program, shape, (), _cast_by_numpy(source, dtype))


def _cast_by_numpy(source: Any, dtype: Any) -> Any:
    target = dtype.numpy
    if dtype.kind == "bool":
        return lambda a: np.not_equal(a, 0, out=np.empty(a.shape, np.bool_))
    if source.is_float and dtype.is_int:
        return quiet(lambda a: _saturate(a, target))
    return quiet(lambda a: a.astype(target))


def _saturate(a: Array, target: Any) -> Array:
    info = np.iinfo(target)
    wide = np.nan_to_num(np.asarray(a, np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    out = np.empty(a.shape, target)
    inside = (wide >= float(info.min)) & (wide < float(info.max))
    out[...] = np.where(inside, wide, 0.0).astype(target)
    out[wide >= float(info.max)] = info.max
    out[wide < float(info.min)] = info.min
    return out


def random_bits(sig: Any, *, count: int) -> Any:
    program = map_program((expr.random(expr.scalar(0), expr.scalar(1)),), (), (u32,), 2)
    return map_kernel(program, (count,), (), lambda key, counter: philox_words(key, counter, count))


def synchronize() -> None:
    """Every call has finished when it returns."""


def register(registry: Any) -> None:
    for fn in (empty, fill, copy_in, copy_out, copy, contiguous, synchronize):
        registry.kernel(fn.__name__)(fn)
    registry.kernel("cast", specialize=True)(cast)
    registry.kernel("random_bits", specialize=True)(random_bits)
