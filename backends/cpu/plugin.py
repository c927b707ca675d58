"""Hooks of the CPU backend."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from ...core.contract import BackendInfo, Capabilities, Check, DeviceInfo, hookimpl
from . import conv, index, map, matmul, memory, pool, reduce, search, view
from .native.layout import usable
from .native.runtime import runtime, thread_count


class CpuRuntime:
    """The pool of machine-code kernels' memory; without them NumPy manages its own."""

    fork_safe = True

    def memory_stats(self) -> dict[str, int]:
        return runtime().stats() if usable() else {}

    def empty_cache(self) -> None:
        if usable():
            runtime().empty_cache()

    def enable_cache(self) -> None:
        if usable():
            runtime().enable_cache()

    def disable_cache(self) -> None:
        if usable():
            runtime().disable_cache()

    def short_call(self, spec: Any, slow: Any, operands: int, scalars: int, has_attrs: bool) -> Any:
        """Op calls in machine code, where there is any: see `native/calls.py`."""
        if not usable():
            return None
        from .native.calls import short_call

        return short_call(spec, slow, operands, scalars, has_attrs)

    def replay(self, launches: Any, given: Any, wanted: Any) -> Any:
        """Captured steps: see `replay`."""
        from .replay import replay

        return replay(launches, given, wanted)


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="NumPy and compiled expressions")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    try:
        memory_bytes: int | None = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory_bytes = None
    return [DeviceInfo(0, platform.processor() or platform.machine(), memory_bytes, f"numpy {np.__version__}", "cpu")]


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> CpuRuntime:
    from ...core.contract import BackendUnavailable

    if index or options:
        raise BackendUnavailable("there is one CPU device", "use 'cpu'")
    return CpuRuntime()


@hookimpl
def backend_capabilities(runtime: CpuRuntime) -> Capabilities:
    return Capabilities(ulp={"log": 4.0})  # NumPy: 3.84 ulp in f32 with AVX-512


@hookimpl
def register_kernels(registry: Any, runtime: CpuRuntime) -> None:
    for family in (memory, view, map, reduce, matmul, index, conv, pool, search):
        family.register(registry)


@hookimpl
def backend_diagnose() -> list[Check]:
    code = "LLVM kernels" if usable() else "NumPy only (llvmlite is missing, or this Python is not supported)"
    return [
        Check("numpy", True, np.__version__),
        Check("cores", True, str(os.cpu_count())),
        Check("threads", True, str(thread_count())),
        Check("machine code", usable(), code),
    ]
