"""Matrix products through NumPy's BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import expr, map_program, quiet, reset_errors, set_quiet
from .native.alias import row_major
from .native.gemm import small_linear, small_linear_backward, small_matmul
from .native.kernel import empty_kernel
from .native.layout import usable
from .native.views import view_kernel


def matmul(sig: Any) -> Any:
    dtype = sig.outputs[0].dtype
    if dtype.is_int:
        return _wrapping(dtype.numpy)
    if dtype.bits == 16:
        narrow = dtype.numpy
        return quiet(lambda a, b: np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(narrow))
    empty = empty_kernel(sig.outputs[0].shape, dtype.numpy)
    return small_matmul(sig, quiet(lambda a, b: np.matmul(a, b, empty())))


def _wrapping(dtype: Any) -> Any:
    return lambda a, b: np.matmul(a, b, dtype=dtype)


def linear(sig: Any) -> Any:
    """x W^T + b with the bias added in place; narrow floats go through the composite."""
    if sig.outputs[0].dtype.bits == 16:
        return NotImplemented
    out = sig.outputs[0]
    empty = empty_kernel(out.shape, out.dtype.numpy)
    if len(sig.inputs) == 2:
        return small_linear(sig, quiet(lambda x, w: np.matmul(x, w.T, empty())))

    add = _bias(out)

    def kernel(x: Any, w: Any, b: Any) -> Any:
        token = set_quiet()
        try:
            return add(np.matmul(x, w.T, empty()), b)
        finally:
            reset_errors(token)

    return small_linear(sig, kernel)


def _bias(out: Any) -> Any:
    """y + b along the last axis, into y; by all threads where y is large."""

    def by_numpy(y: Any, b: Any) -> Any:
        return np.add(y, b, y)

    if out.numel < 1 << 16:
        return by_numpy
    size = out.dtype.itemsize
    strides = (row_major(out.shape, size), (0,) * (out.rank - 1) + (size,))
    program = map_program((expr.arg(0) + expr.arg(1),), (out.dtype,) * 2, (out.dtype,))
    native = view_kernel(program, out.shape, (0,), strides, by_numpy) if usable() else None
    if native is None:
        return by_numpy
    return lambda y, b: native(y, np.broadcast_to(b, out.shape))


def linear_backward(sig: Any, *, needs: tuple[bool, ...]) -> Any:
    """dx = g W, dW = g^T x, db = the sum of g over rows; saved are x and W."""
    (g_type, x_type, _) = sig.inputs
    if g_type.dtype.bits == 16:
        return NotImplemented
    rows, dx, dw, db = x_type.numel // x_type.shape[-1], needs[0], needs[1], len(needs) > 2 and needs[2]
    flat_x, flat_g = (rows, x_type.shape[-1]), (rows, g_type.shape[-1])

    def kernel(g: Any, x: Any, w: Any) -> Any:
        g2 = g if g.ndim == 2 else g.reshape(flat_g)
        out = []
        token = set_quiet()
        try:
            if dx:
                out.append(np.matmul(g, w))
            if dw:
                out.append(np.matmul(g2.T, x if x.ndim == 2 else x.reshape(flat_x)))
            if db:
                out.append(np.add.reduce(g2, 0))
        finally:
            reset_errors(token)
        return out

    return small_linear_backward(sig, needs, kernel)


def register(registry: Any) -> None:
    registry.kernel("linear.backward", specialize=True)(linear_backward)
    registry.kernel("linear", specialize=True)(linear)
    registry.kernel("matmul", specialize=True)(matmul)
