"""Hooks: which devices JAX has, and a runtime for one of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp

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
)

from . import kernels


class JaxRuntime:
    """One JAX device. Kernels are compiled by `jax.jit`, each once per shapes and dtypes."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.space = Namespace(
            jnp, device=device, functions=kernels.FUNCTIONS, compile=jax.jit, guard=_guarded, synchronous=False
        )

    def synchronize(self) -> None:
        """JAX runs in the background: wait for every array that still exists on the device."""
        jax.block_until_ready([a for a in jax.live_arrays() if self.device in a.devices()])

    def empty_cache(self) -> None:
        jax.clear_caches()

    def memory_stats(self) -> dict[str, int]:
        stats = self.device.memory_stats() or {}
        return {"in_use": stats["bytes_in_use"]} if "bytes_in_use" in stats else {}


def _guarded(fn: Callable[..., Any]) -> Callable[..., Any]:
    """With 64-bit types, for this call and this thread only: the program's own JAX code keeps its setting."""

    @wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with jax.enable_x64():
                return fn(*args, **kwargs)
        except jax.errors.JaxRuntimeError as e:
            if "RESOURCE_EXHAUSTED" in str(e):
                raise OutOfMemoryError(str(e)) from e
            raise

    return run


def _devices() -> list[Any]:
    """The devices of the best platform, which JAX puts first, and the CPU."""
    best = jax.devices()
    return best if best[0].platform == "cpu" else [*best, *jax.devices("cpu")]


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="JAX")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    kinds = {"cpu": "cpu", "tpu": "accelerator"}
    return [
        DeviceInfo(
            i, f"{d.platform}:{d.id} {d.device_kind}", None, f"jax {jax.__version__}", kinds.get(d.platform, "gpu")
        )
        for i, d in enumerate(_devices())
    ]


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> JaxRuntime:
    found = _devices()
    platform, _, number = options.get("select", "").partition(":")
    if platform:
        found, index = [d for d in found if d.platform == platform], int(number) if number.isdigit() else 0
    if index >= len(found):
        names = ", ".join(f"jax:{d.platform}:{d.id}" for d in _devices())
        raise BackendUnavailable(f"JAX has no such device; it has {names}", "use 'jax:cpu'")
    return JaxRuntime(found[index])


@hookimpl
def backend_capabilities(runtime: JaxRuntime) -> Capabilities:
    return runtime.space.capabilities(deterministic=runtime.device.platform == "cpu")


@hookimpl
def register_kernels(registry: Any, runtime: JaxRuntime) -> None:
    register_base(registry, runtime.space)
    kernels.register(registry, runtime)


@hookimpl
def conformance_expectations(runtime: JaxRuntime) -> list[Expect]:
    return []


@hookimpl
def backend_diagnose() -> list[Check]:
    names = ", ".join(f"{d.platform}:{d.id}" for d in _devices())
    return [Check("jax", True, jax.__version__), Check("devices", True, names)]
