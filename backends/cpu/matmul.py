"""Matrix products by machine code; NumPy's BLAS for thin ones, for narrow floats, and where there is no machine code."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import arg, expr, map_program, quiet, reset_errors, row_program, row_sum, set_quiet
from .native.alias import row_major
from .native.gemm import SKINNY, small_linear, small_linear_backward, small_matmul
from .native.kernel import Several, empty_kernel, native_of
from .native.layout import usable
from .native.packed import large_linear, large_linear_backward, large_matmul
from .native.reduce import reduce_kernel
from .native.rows import row_kernel
from .native.views import view_kernel

_DOT = 32  # elements of a row from which on a sum along it is faster than a tile


def matmul(sig: Any) -> Any:
    dtype = sig.outputs[0].dtype
    if dtype.is_int:
        return _wrapping(dtype.numpy)
    if dtype.bits == 16:
        narrow = dtype.numpy
        return quiet(lambda a, b: np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(narrow))
    empty = empty_kernel(sig.outputs[0].shape, dtype.numpy)
    slow = quiet(lambda a, b: np.matmul(a, b, empty()))
    large = native_of(packed := large_matmul(sig, slow))
    small = small_matmul(sig, slow, large.slow.strided if large is not None else None)  # type: ignore[attr-defined]
    return packed if small is slow else small


def _wrapping(dtype: Any) -> Any:
    return lambda a, b: np.matmul(a, b, dtype=dtype)


def linear(sig: Any) -> Any:
    """x W^T + b with the bias added in the product; narrow floats go through the composite."""
    if sig.outputs[0].dtype.bits == 16:
        return NotImplemented
    out = sig.outputs[0]
    empty = empty_kernel(out.shape, out.dtype.numpy)
    if len(sig.inputs) == 2:
        slow = quiet(lambda x, w: np.matmul(x, w.T, empty()))
    else:
        slow = _biased(out, empty)
    dots = _dots(sig, slow)
    if dots is not slow:
        return dots
    small = small_linear(sig, slow)
    return large_linear(sig, slow) if small is slow else small


def _dots(sig: Any, slow: Any) -> Any:
    """A layer of one result, which is a row program: x w summed along each row, and b; `slow` where rows are short or few."""
    (x, weight, *bias), (y,) = sig
    k = weight.shape[1]
    if weight.shape[0] != 1 or k < _DOT or y.numel < SKINNY:
        return slow
    total = row_sum(arg(0) * arg(1))
    kinds = ("full", "col", "scalar")[: len(sig.inputs)]
    dtypes = tuple(t.dtype for t in sig.inputs)
    program = row_program((total + arg(2) if bias else total,), dtypes, (y.dtype,), 0, kinds, ("row",))
    kernel = row_kernel(program, (y.numel,), (k,), slow, (x.shape, y.shape))
    return slow if kernel is NotImplemented else kernel


def _biased(out: Any, empty: Any) -> Any:
    add = _bias(out)

    def kernel(x: Any, w: Any, b: Any) -> Any:
        token = set_quiet()
        try:
            return add(np.matmul(x, w.T, empty()), b)
        finally:
            reset_errors(token)

    return kernel


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

    def by_numpy(g: Any, x: Any, w: Any) -> Any:
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

    small = small_linear_backward(sig, needs, by_numpy)
    return _large_backward(sig, (dx, dw, db), flat_g, by_numpy) if small is by_numpy else small


def _large_backward(sig: Any, needs: tuple[bool, bool, bool], flat_g: tuple[int, int], slow: Any) -> Any:
    """The gradients one after another, each by all threads; `slow` where one of the products is not large."""
    dtype = sig.inputs[0].dtype
    kernels = large_linear_backward(sig, slow)
    if any(need and kernel is None for need, kernel in zip(needs, kernels, strict=False)):
        return slow
    product_x, product_w = kernels
    total = reduce_kernel("sum", flat_g, (0,), dtype, dtype, quiet(lambda g: np.add.reduce(g.reshape(flat_g), 0)))
    parts = ((product_x, (0, 2)), (product_w, (0, 1)), (total, (0,)))
    return Several(*[part for part, need in zip(parts, needs, strict=True) if need])


def register(registry: Any) -> None:
    registry.kernel("linear.backward", specialize=True)(linear_backward)
    registry.kernel("linear", specialize=True)(linear)
    registry.kernel("matmul", specialize=True)(matmul)
