"""A CUDA machine without a GPU, under the names of CuPy that the backend calls.

With this folder on PYTHONPATH, `dfdx.device("cuda")` runs its kernels (the same text, launch geometry, argument blocks, streams and
graphs) by OpenCL on the host's memory: a pointer is a host address. It is as strict as CUDA where CUDA is strict, and says
nothing about speed, ordering between streams, or NVIDIA's compilers.
"""

from __future__ import annotations

from typing import Any

from . import cuda
from .cuda.kernels import Function, build

__all__ = ["RawModule", "cuda"]
__version__ = "14.0.simulated"


class RawModule:
    """A translation unit with one kernel."""

    def __init__(self, *, code: str, options: tuple[str, ...], backend: str) -> None:
        if "--fmad=false" not in options or backend != "nvrtc":
            raise ValueError(f"{options}, {backend}: draws would not be the same bits on every device")
        self.code = code

    def get_function(self, name: str) -> Any:
        return RawKernel(build(self.code, name))


class RawKernel:
    def __init__(self, kernel: Function) -> None:
        self.kernel = kernel
