"""Hooks of the OpenCL backend, which is declared but not built yet: it says so."""

from __future__ import annotations

import importlib.util
from typing import Any

from ...core.contract import BackendInfo, BackendUnavailable, Check, hookimpl

_NOT_BUILT = "this release of dfdx declares the opencl backend but has no kernels for it yet"


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="OpenCL through PyOpenCL")


@hookimpl
def backend_probe() -> list[Any]:
    if importlib.util.find_spec("pyopencl") is None:
        raise BackendUnavailable("the package pyopencl is not installed, and " + _NOT_BUILT, "use device 'cpu'")
    raise BackendUnavailable(_NOT_BUILT, "use device 'cpu'")


@hookimpl
def backend_diagnose() -> list[Check]:
    found = importlib.util.find_spec("pyopencl") is not None
    return [
        Check(
            "PyOpenCL", found, "installed" if found else "not installed", "" if found else 'pip install "dfdx[opencl]"'
        ),
        Check("kernels", False, _NOT_BUILT, "use device 'cpu'"),
    ]
