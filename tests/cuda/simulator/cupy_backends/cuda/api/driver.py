"""The CUDA driver."""

from __future__ import annotations

from cupy.cuda.kernels import launch
from cupy.cuda.streams import enqueue

__all__ = ["launchKernel"]


def launchKernel(
    f: int, gx: int, gy: int, gz: int, bx: int, by: int, bz: int, shared: int, stream: int, parameters: int, extra: int
) -> None:
    """As cuLaunchKernel: the parameters are copied before it returns."""
    if shared or extra:
        raise ValueError("CUDA_ERROR_INVALID_VALUE")
    enqueue(stream, launch(f, (gx, gy, gz), (bx, by, bz), parameters))
