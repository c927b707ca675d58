"""The same values in other storage, and a write to a tensor's very storage."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.expr import cast, const, index, map_program
from ...core.types import Signature, TensorType

__all__ = ["overwrite", "sliced", "turned"]


def overwrite(dev: Any, t: Any) -> Any:
    """Put 7 (or True) into a tensor's very storage, by the kernel that optimizers use; returns that storage, or an array instead of it."""
    if not t.numel:
        return t._cell.array
    seven = const(True) if t.dtype.kind == "bool" else cast(index(), t.dtype) * const(0) + const(7)
    program = map_program((seven,), (t.dtype,), (t.dtype,), 0)
    type_ = TensorType(t.shape, t.dtype)
    run = dev.backend.primitive("map", Signature((type_,), (type_,)), program=program, shape=t.shape, inplace=(0,))
    return run(t._cell.array)


def sliced(dev: Any, h: np.ndarray[Any, Any], dtype: Any) -> Any:
    """The same values as every second element, from an offset, of a larger tensor of other values."""
    if not h.ndim:
        return dev.tensor(np.stack([np.ones_like(h), h]), dtype)[1]
    big = np.ones((h.shape[0] + 1, *h.shape[1:-1], *([2 * h.shape[-1] + 1] if h.ndim > 1 else [])), h.dtype)
    if h.ndim == 1:
        big = np.ones((2 * h.shape[0] + 1,), h.dtype)
        big[1::2] = h
        return dev.tensor(big, dtype)[1::2]
    big[1:, ..., 1::2] = h
    return dev.tensor(big, dtype)[1:, ..., 1::2]


def turned(dev: Any, h: np.ndarray[Any, Any], dtype: Any) -> Any:
    """The same values as the transpose of their transpose, which is stored."""
    return dev.tensor(np.ascontiguousarray(h.T).reshape(h.shape[::-1]), dtype).permute(tuple(range(h.ndim))[::-1])
