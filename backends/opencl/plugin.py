"""Hooks of the OpenCL backend."""

from __future__ import annotations

from typing import Any

from ...core.contract import DTYPES, BackendInfo, BackendUnavailable, Capabilities, Check, DeviceInfo, f64, hookimpl
from . import drivers


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="OpenCL through PyOpenCL")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    cl = drivers.import_pyopencl()
    kinds = {cl.device_type.GPU: "gpu", cl.device_type.CPU: "cpu"}
    return [
        DeviceInfo(i, f"{d.name.strip()} ({d.platform.name.strip()})", int(d.global_mem_size), d.driver_version, kinds.get(d.type, "accelerator"))
        for i, d in enumerate(drivers.all_devices())
    ]  # fmt: skip


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> Any:
    device = drivers.choose(index, options.get("select", ""))
    from .engine import OpenCLEngine

    number = next((i for i, d in enumerate(drivers.all_devices()) if d == device), -1)
    return OpenCLEngine(device, number)


@hookimpl
def backend_capabilities(runtime: Any) -> Capabilities:
    """No f64 on a device without it; f16 and bf16 are storage everywhere, computed in f32."""
    dtypes = frozenset(d for d in DTYPES.values() if d is not f64 or runtime.target.f64)
    return Capabilities(dtypes=dtypes, synchronous=False)


@hookimpl
def register_kernels(registry: Any, runtime: Any) -> None:
    from .. import clike

    clike.register(registry, runtime)


@hookimpl
def backend_diagnose() -> list[Check]:
    how = drivers.register_wheels()
    try:
        cl = drivers.import_pyopencl()
    except BackendUnavailable as e:
        return [Check("PyOpenCL", False, e.reason, e.hint)]
    checks = [Check("PyOpenCL", True, cl.VERSION_TEXT), Check("drivers in wheels", True, how)]
    try:
        for i, d in enumerate(drivers.all_devices()):
            checks.append(
                Check(
                    f"device opencl:{i}",
                    True,
                    f"{d.name.strip()}, {d.platform.name.strip()}, driver {d.driver_version}",
                )
            )
    except BackendUnavailable as e:
        checks.append(Check("devices", False, e.reason, e.hint))
    return checks


@hookimpl
def backend_close(runtime: Any) -> None:
    runtime.close()
