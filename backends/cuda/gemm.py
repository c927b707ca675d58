"""How a row-major product of strided matrices is said to cuBLAS, which thinks in columns.

C = A B in rows is C^T = B^T A^T in columns, so the operands change places. Nothing here calls CUDA.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..clike.array import Shape, Strides, collapse

__all__ = ["COMPUTE", "DATA", "Product", "plan"]

# Source: cublas_api.h and library_types.h of CUDA 13
DATA = {"f32": 0, "f64": 1, "f16": 2, "bf16": 14}
COMPUTE = {"f32": 68, "tf32": 77, "f64": 70}  # CUBLAS_COMPUTE_32F, _32F_FAST_TF32, _64F
NORMAL, TRANSPOSED = 0, 1


class Operand(NamedTuple):
    """A matrix as cuBLAS sees it: whether it is transposed there, its leading dimension, its step from batch to batch."""

    op: int
    ld: int
    step: int


class Product(NamedTuple):
    """The arguments of gemmStridedBatchedEx, but for the pointers and types: `first` is B, `second` is A."""

    m: int
    n: int
    k: int
    first: Operand
    second: Operand
    batch: int


def plan(a_shape: Shape, a_strides: Strides, b_shape: Shape, b_strides: Strides) -> Product | str:
    """The product of (.., M, K) and (.., K, N) into a dense result; or which operand must be copied first: "a", "b" or "both"."""
    (m, k), n = a_shape[-2:], b_shape[-1]
    dims, (a_batch, b_batch) = collapse(a_shape[:-2], (a_strides[:-2], b_strides[:-2]))
    if len(dims) > 1:
        return "both"
    a = _matrix(m, k, a_strides[-2], a_strides[-1], a_batch[0])
    b = _matrix(k, n, b_strides[-2], b_strides[-1], b_batch[0])
    if a is None or b is None:
        return "both" if a is b else "a" if a is None else "b"
    return Product(n, m, k, b, a, dims[0])


def _matrix(rows: int, columns: int, down: int, across: int, step: int) -> Operand | None:
    """A row-major matrix is a column-major one transposed; None where neither direction is contiguous."""
    if (across == 1 or columns == 1) and (rows == 1 or down >= columns):
        return Operand(NORMAL, down if rows > 1 else columns, step)
    if (down == 1 or rows == 1) and (columns == 1 or across >= rows):
        return Operand(TRANSPOSED, across if columns > 1 else rows, step)
    return None


def compute_of(dtype: Any, tf32: bool) -> int:
    """What cuBLAS multiplies and adds in: narrow floats in f32, f32 in TF32 only where the user allows it."""
    if dtype.storage == "f64":
        return COMPUTE["f64"]
    return COMPUTE["tf32" if tf32 and dtype.storage == "f32" else "f32"]
