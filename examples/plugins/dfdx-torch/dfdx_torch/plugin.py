"""Hooks: which devices PyTorch has, and a runtime for one of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import array_api_compat.torch as xp
import torch

from dfdx.backends.array_api import Namespace
from dfdx.backends.array_api import register_kernels as register_base
from dfdx.core.contract import (
    BackendInfo,
    BackendUnavailable,
    Capabilities,
    Check,
    DeviceInfo,
    Expect,
    OutOfMemoryError,
    hookimpl,
)  # fmt: skip

from . import kernels

KINDS = ("cuda", "mps", "xpu")


class TorchRuntime:
    """One torch device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.module: Any = torch.get_device_module(device)
        self.space = Namespace(
            xp, device=device, dtypes=self._lacking(), work={"u16": "i64", "u32": "i64"}, 
            functions={"erf": torch.erf, "add_at": kernels.add_at},
            guard=_guarded, to_host=lambda a: a.cpu().numpy(), synchronous=device.type == "cpu",
        )  # fmt: skip

    def _lacking(self) -> dict[str, Any]:
        """u64 has no arithmetic anywhere; some devices have no f64."""
        lacking: dict[str, Any] = {"u64": None}
        try:
            torch.zeros((), dtype=torch.float64, device=self.device)
        except (TypeError, RuntimeError):
            lacking["f64"] = None
        return lacking

    def synchronize(self) -> None:
        self.module.synchronize()

    def empty_cache(self) -> None:
        getattr(self.module, "empty_cache", lambda: None)()

    def memory_stats(self) -> dict[str, int]:
        if not hasattr(self.module, "memory_allocated"):
            return {}
        used = self.module.memory_allocated(self.device)
        return {"in_use": used, "cached": self.module.memory_reserved(self.device) - used}


def _guarded(fn: Callable[..., Any]) -> Callable[..., Any]:
    """No autograd of torch's own, and its out-of-memory error as ours."""

    @wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with torch.no_grad():
                return fn(*args, **kwargs)
        except torch.OutOfMemoryError as e:
            raise OutOfMemoryError(str(e)) from e

    return run


def _devices() -> list[str]:
    found = ["cpu"]
    for kind in KINDS:
        module = getattr(torch, kind, None)
        if module is not None and module.is_available():
            found += [f"{kind}:{i}" for i in range(module.device_count())]
    return found


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="PyTorch")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    driver = f"torch {torch.__version__}"
    return [DeviceInfo(i, n, None, driver, "cpu" if n == "cpu" else "gpu") for i, n in enumerate(_devices())]


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> TorchRuntime:
    names = _devices()
    if index >= len(names):
        raise BackendUnavailable(f"torch has {len(names)} devices: {', '.join(names)}", "use 'torch:0' or 'torch:cpu'")
    name = options.get("select", names[index])
    try:
        device = torch.device(name)
        torch.zeros((), device=device)
    except Exception as e:  # what torch raises for a device it was not built for depends on the device
        raise BackendUnavailable(f"torch cannot use {name!r}: {e}", f"torch has {', '.join(names)} here") from None
    if device.type == "meta":
        raise BackendUnavailable("torch's meta device has no values", "dfdx.device('null') knows shapes only")
    return TorchRuntime(device)


@hookimpl
def backend_capabilities(runtime: TorchRuntime) -> Capabilities:
    return runtime.space.capabilities(deterministic=runtime.device.type == "cpu")


@hookimpl
def register_kernels(registry: Any, runtime: TorchRuntime) -> None:
    register_base(registry, runtime.space)
    kernels.register(registry, runtime, _guarded)


@hookimpl
def conformance_expectations(runtime: TorchRuntime) -> list[Expect]:
    return []


@hookimpl
def backend_diagnose() -> list[Check]:
    return [Check("torch", True, torch.__version__), Check("devices", True, ", ".join(_devices()))]
