"""Matrix products by cuBLAS: batched, strided, transposed operands as they are; integers go to the kernels of the C dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.contract import Signature
from ..clike.array import Array, Shape, dense_strides
from ..clike.reduce import compile_reduce
from .gemm import DATA, Product, compute_of, plan

__all__ = ["register"]

_ONE: dict[str, Any] = {"f32": np.ones(1, np.float32), "f64": np.ones(1, np.float64)}
_ZERO: dict[str, Any] = {"f32": np.zeros(1, np.float32), "f64": np.zeros(1, np.float64)}
_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT


def product(engine: Any, dtype: Any, a_shape: Shape, b_shape: Shape) -> Callable[..., None]:
    """A function of (a, b, out, add) that writes a @ b into a dense array, or adds it to what is there."""
    plans: dict[Any, Product | str] = {}
    wide = "f64" if dtype.storage == "f64" else "f32"
    one, zero = _ONE[wide].ctypes.data, _ZERO[wide].ctypes.data
    data, size = DATA[dtype.storage], dtype.itemsize

    def run(a: Array, b: Array, out: Array, add: bool = False) -> None:
        key = (a.strides, b.strides)
        p = plans.get(key)
        if p is None:
            p = plans[key] = plan(a_shape, a.strides, b_shape, b.strides)
        if isinstance(p, str):
            copy = engine.copier.copy
            return run(a if p == "b" else copy(a), b if p == "a" else copy(b), out, add)
        pointers = [x.buffer.ptr + x.offset * size for x in (b, a, out)]
        engine.gemm(p, pointers, data, compute_of(dtype, engine.allow_tf32), one, one if add else zero, _ALGORITHM)

    return run


def _takes(engine: Any, dtype: Any) -> bool:
    return dtype.storage in DATA and (dtype.storage != "bf16" or engine.compute_capability >= (8, 0))


def register(registry: Any, engine: Any) -> None:
    """Before the kernels of the C dialect, which serve what cuBLAS declines."""

    @registry.kernel("matmul", specialize=True)
    def matmul(sig: Signature) -> Any:
        (a, b), out = sig.inputs, sig.outputs[0]
        if not _takes(engine, a.dtype):
            return NotImplemented
        run = product(engine, a.dtype, a.shape, b.shape)

        def kernel(x: Array, y: Array) -> Array:
            z = engine.empty(out.shape, out.dtype)
            run(x, y, z)
            return z

        return kernel

    @registry.kernel("linear", specialize=True)
    def linear(sig: Signature) -> Any:
        """x W^T + b: the bias is written first and the product added to it."""
        x, w = sig.inputs[:2]
        if not _takes(engine, x.dtype):
            return NotImplemented
        rows, out = x.numel // x.shape[-1], sig.outputs[0]
        run = product(engine, x.dtype, (rows, x.shape[-1]), (w.shape[1], w.shape[0]))

        def kernel(x_: Array, w_: Array, *bias: Array) -> Array:
            y = engine.empty((rows, w.shape[0]), out.dtype)
            for b in bias:
                engine.copier.into(b.broadcast(y.shape, (0,)), y)
            run(engine.copier.reshaped(x_, (rows, x_.shape[-1])), w_.permute((1, 0)), y, bool(bias))
            return y.view(out.shape, dense_strides(out.shape))

        return kernel

    @registry.kernel("linear.backward", specialize=True)
    def linear_backward(sig: Signature, *, needs: tuple[bool, ...]) -> Any:
        """dx = g W, dW = g^T x, db = the sum of g over rows; saved are x and W."""
        _, x, w = sig.inputs
        if not _takes(engine, x.dtype):
            return NotImplemented
        rows, dtype = x.numel // x.shape[-1], x.dtype
        to_x = product(engine, dtype, (rows, w.shape[0]), w.shape)
        to_w = product(engine, dtype, (w.shape[0], rows), (rows, w.shape[1]))
        to_b = compile_reduce(engine, "sum", (rows, w.shape[0]), dtype, (0,), dtype)

        def kernel(g_: Array, x_: Array, w_: Array) -> list[Array]:
            g2, out = engine.copier.reshaped(g_, (rows, g_.shape[-1])), []
            if needs[0]:
                dx = engine.empty((rows, w.shape[1]), dtype)
                to_x(g2, w_, dx, False)
                out.append(dx.view(x.shape, dense_strides(x.shape)))
            if needs[1]:
                dw = engine.empty(w.shape, dtype)
                to_w(g2.permute((1, 0)), engine.copier.reshaped(x_, (rows, x_.shape[-1])), dw, False)
                out.append(dw)
            if len(needs) > 2 and needs[2]:
                out.append(to_b(g2))
            return out

        return kernel
