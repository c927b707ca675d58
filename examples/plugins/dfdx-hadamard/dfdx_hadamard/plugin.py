"""The op: its rule, its body in other ops, its gradient, and a kernel for the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

import dfdx
from dfdx.core.contract import Composite, TensorType, apply, as_tensor, check_takes, hookimpl, quiet, shape_error


def _infer(x: dfdx.Tensor) -> TensorType:
    check_takes("hadamard", "float", (x,))
    n = x.shape[-1] if x.rank else 0
    if n < 1 or n & (n - 1):
        facts = {"x": f"x.shape[-1] = {n}" if x.rank else "x.rank = 0"}
        raise shape_error("hadamard", "the last axis must be a power of two long", {"x": x}, facts, "pad it with zeros")
    return TensorType(x.shape, x.dtype)


def _body(x: dfdx.Tensor) -> dfdx.Tensor:
    """log2(n) rounds of sums and differences of elements `step` apart."""
    n, step = x.shape[-1], 1
    y = x.to_dtype(x.dtype.compute)
    while step < n:
        pairs = y.reshape((y.numel // (2 * step), 2, step))
        a, b = pairs[:, 0], pairs[:, 1]
        y = dfdx.stack([a + b, a - b], 1)
        step *= 2
    return (y * 1 if n == 1 else y).reshape(x.shape).to_dtype(x.dtype)  # never x itself


def _vjp(entry: Any, g: dfdx.Tensor, needs: Any) -> tuple[dfdx.Tensor]:
    """The matrix is symmetric, so the gradient is the transform of g."""
    return (apply(HADAMARD, (g,)),)


HADAMARD = Composite(
    "hadamard", _infer, _body, vjp=_vjp, family="transform", doc="x H, where H[i, j] = (-1)^popcount(i & j)."
)


def hadamard(x: dfdx.Tensor) -> dfdx.Tensor:
    """The Walsh-Hadamard transform along the last axis, in natural order and without a factor.

    * `x`: floats; the last axis is a power of two long.

    Returns x H, where H[i, j] = (-1)^popcount(i & j). Raises `ShapeError` for another length.
    Source: B. J. Fino and V. R. Algazi, Unified matrix treatment of the fast Walsh-Hadamard transform (1976).
    """
    return apply(HADAMARD, (as_tensor("hadamard", x),))


def cpu_kernel(sig: Any) -> Any:
    """The same rounds in place on one array, in f32 at least."""
    type_ = sig.outputs[0]
    wide, n = type_.dtype.compute.numpy, type_.shape[-1]

    def kernel(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        y, step = np.array(a, wide, order="C"), 1
        while step < n:
            pairs = y.reshape(-1, 2, step)
            pairs[:, 0] += pairs[:, 1]
            pairs[:, 1] *= -2.0
            pairs[:, 1] += pairs[:, 0]
            step *= 2
        return y.astype(type_.dtype.numpy, copy=False)

    return quiet(kernel)


@hookimpl
def register_ops(registry: Any) -> None:
    registry.op(HADAMARD, hadamard, infos="dfdx_hadamard.samples:INFO")
    registry.kernel("hadamard", device="cpu", specialize=True)(cpu_kernel)
