"""Matrix products through NumPy's BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import quiet, reset_errors, set_quiet


def matmul(sig: Any) -> Any:
    dtype = sig.outputs[0].dtype
    if dtype.is_int:
        return _wrapping(dtype.numpy)
    if dtype.bits == 16:
        narrow = dtype.numpy
        return quiet(lambda a, b: np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(narrow))
    return quiet(np.matmul)


def _wrapping(dtype: Any) -> Any:
    return lambda a, b: np.matmul(a, b, dtype=dtype)


def linear(sig: Any) -> Any:
    """x W^T + b with the bias added in place; narrow floats go through the composite."""
    if sig.outputs[0].dtype.bits == 16:
        return NotImplemented
    if len(sig.inputs) == 2:
        return quiet(lambda x, w: np.matmul(x, w.T))

    def kernel(x: Any, w: Any, b: Any) -> Any:
        token = set_quiet()
        try:
            y = np.matmul(x, w.T)
            return np.add(y, b, y)
        finally:
            reset_errors(token)

    return kernel


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

    return kernel


def register(registry: Any) -> None:
    registry.kernel("linear.backward", specialize=True)(linear_backward)
    registry.kernel("linear", specialize=True)(linear)
    registry.kernel("matmul", specialize=True)(matmul)
