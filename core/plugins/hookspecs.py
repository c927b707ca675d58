"""The hooks of a plugin: group `dfdx.backends.v1` (entry-point name = device name) and `dfdx.ops.v1`."""

from __future__ import annotations

from typing import Any

import pluggy

__all__ = ["API", "GROUP", "OPS_GROUP", "hookimpl", "hookspec"]

API = (1, 0)
GROUP = f"dfdx.backends.v{API[0]}"
OPS_GROUP = f"dfdx.ops.v{API[0]}"
hookspec, hookimpl = pluggy.HookspecMarker("dfdx"), pluggy.HookimplMarker("dfdx")


@hookspec(firstresult=True)
def backend_info() -> Any:
    """Static facts, as a `BackendInfo`; touches no hardware."""


@hookspec(firstresult=True)
def backend_probe() -> Any:
    """A list of `DeviceInfo` of the usable devices; raises `BackendUnavailable(reason, hint)` where there is none."""


@hookspec(firstresult=True)
def backend_open(index: int, options: dict[str, Any]) -> Any:
    """Open device `index`, or the one that `options["select"]` names, and return its runtime: any object, which may offer
    memory_stats, empty_cache and the like; its attribute `index`, where it has one, is the device's number in the probe."""


@hookspec(firstresult=True)
def backend_capabilities(runtime: Any) -> Any:
    """A `Capabilities`."""


@hookspec
def register_kernels(registry: Any, runtime: Any) -> None:
    """Call `registry.kernel(name, ...)(function)` for each kernel; committed whole when this returns."""


@hookspec(firstresult=True)
def conformance_expectations(runtime: Any) -> Any:
    """A list of `Expect`: failures of the conformance kit that are known, each with its reason."""


@hookspec(firstresult=True)
def backend_diagnose() -> Any:
    """A list of `Check` for `dfdx doctor`; must not raise."""


@hookspec(firstresult=True)
def backend_close(runtime: Any) -> Any:
    """Release the device; called once at exit, in the reverse order of opening."""


@hookspec
def register_ops(registry: Any) -> None:
    """Call `registry.op(spec, function)` for each new op, `registry.kernel(op, device=...)(fn)` for its kernels (group `dfdx.ops.v1`)."""
