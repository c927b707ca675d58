"""Hooks of the CUDA backend."""

from __future__ import annotations

from typing import Any

from ...core.contract import BackendInfo, BackendUnavailable, Capabilities, Check, DeviceInfo, hookimpl

_INSTALL = 'pip install "dfdx[cuda]" on a machine with NVIDIA\'s driver'


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as e:
        raise BackendUnavailable(f"CuPy cannot be imported: {e}", _INSTALL) from None
    return cupy


def _count(cupy: Any) -> int:
    """The number of devices; raises `BackendUnavailable` without a driver or without a device."""
    try:
        n = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as e:  # CuPy has a class per library for it
        raise BackendUnavailable(f"the CUDA driver does not answer: {e}", "install or update NVIDIA's driver") from None
    if n == 0:
        raise BackendUnavailable("the CUDA driver finds no device", "python -m dfdx doctor cuda")
    return n


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="CUDA through CuPy")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    cupy = _cupy()
    runtime, found = cupy.cuda.runtime, []
    for i in range(_count(cupy)):
        p = runtime.getDeviceProperties(i)
        name = f"{p['name'].decode()} (compute {p['major']}.{p['minor']})"
        found.append(DeviceInfo(i, name, int(p["totalGlobalMem"]), f"CUDA {runtime.driverGetVersion()}", "gpu"))
    return found


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> Any:
    n = _count(_cupy())
    if options or index >= n:
        raise BackendUnavailable(f"there are {n} CUDA devices, numbered from 0", "python -m dfdx devices")
    from .engine import CudaEngine

    return CudaEngine(index)


@hookimpl
def backend_capabilities(runtime: Any) -> Capabilities:
    """Every dtype: f16 and bf16 are stored narrow and computed in f32."""
    return Capabilities(synchronous=False)


@hookimpl
def register_kernels(registry: Any, runtime: Any) -> None:
    from .. import clike
    from . import blas

    blas.register(registry, runtime)  # first: it goes before the kernels of the C dialect of the same name
    clike.register(registry, runtime)


@hookimpl
def backend_diagnose() -> list[Check]:
    try:
        cupy = _cupy()
    except BackendUnavailable as e:
        return [Check("CuPy", False, e.reason, e.hint)]
    checks = [Check("CuPy", True, cupy.__version__)]
    try:
        n = _count(cupy)
    except BackendUnavailable as e:
        return [*checks, Check("driver", False, e.reason, e.hint)]
    return [*checks, Check("driver", True, f"{n} devices")]


@hookimpl
def backend_close(runtime: Any) -> None:
    runtime.close()
