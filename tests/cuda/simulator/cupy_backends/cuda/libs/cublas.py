"""cuBLAS by NumPy, as its documentation defines it: column-major, with cuBLAS's checks of leading dimensions and types."""

from __future__ import annotations

import ctypes
from typing import Any

import ml_dtypes
import numpy as np
from cupy.cuda.streams import enqueue

__all__ = ["gemmStridedBatchedEx", "setStream"]

TYPES: dict[int, Any] = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}
COMPUTES = {68: np.float32, 77: np.float32, 70: np.float64}
_streams: dict[int, int] = {}


def setStream(handle: int, stream: int) -> None:
    _streams[handle] = stream


def _matrices(ptr: int, dtype: Any, rows: int, columns: int, ld: int, step: int, batch: int) -> np.ndarray:
    """The column-major matrices at an address, as (batch, rows, columns)."""
    if ld < max(1, rows):
        raise ValueError(f"CUBLAS_STATUS_INVALID_VALUE: a leading dimension of {ld} for {rows} rows")
    size = np.dtype(dtype).itemsize
    count = (batch - 1) * step + (columns - 1) * ld + rows
    flat = np.frombuffer((ctypes.c_char * (count * size)).from_address(ptr), dtype)
    return np.lib.stride_tricks.as_strided(flat, (batch, rows, columns), (step * size, size, ld * size), writeable=True)


def gemmStridedBatchedEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int, strideA: int,
    B: int, Btype: int, ldb: int, strideB: int, beta: int, C: int, Ctype: int, ldc: int, strideC: int, batchCount: int,
    computeType: int, algo: int,
) -> None:  # fmt: skip
    """C = alpha op(A) op(B) + beta C; alpha and beta are on the host, in the type of the computation."""
    wide = COMPUTES[computeType]
    scalar = ctypes.c_double if wide is np.float64 else ctypes.c_float
    one, add = scalar.from_address(alpha).value, scalar.from_address(beta).value
    if (wide is np.float64) != (Atype == 1) or not Atype == Btype == Ctype:
        raise ValueError("CUBLAS_STATUS_NOT_SUPPORTED: these types do not go together")

    def work() -> None:
        a = _matrices(A, TYPES[Atype], *((k, m) if transa else (m, k)), lda, strideA, batchCount)
        b = _matrices(B, TYPES[Btype], *((n, k) if transb else (k, n)), ldb, strideB, batchCount)
        c = _matrices(C, TYPES[Ctype], m, n, ldc, strideC, batchCount)
        a, b = (x.transpose(0, 2, 1) if t else x for x, t in ((a, transa), (b, transb)))
        with np.errstate(all="ignore"):
            product = one * np.matmul(a.astype(wide), b.astype(wide))
            c[...] = product + add * c.astype(wide) if add else product

    enqueue(_streams[handle], work)
