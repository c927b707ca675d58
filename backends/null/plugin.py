"""Shapes only: build-time checks run here; nothing is ever computed."""

from __future__ import annotations

from typing import Any

from ...core.contract import PRIMITIVES, BackendInfo, Capabilities, DeviceInfo, hookimpl


class NullRuntime:
    """Has no memory and no state."""

    fork_safe = True


class Nothing:
    """Stands for every array."""

    def __repr__(self) -> str:
        return "<no values: the null device knows shapes only>"


NOTHING = Nothing()


def _answer(sig: Any, **_: Any) -> Any:
    """Any kernel: as many nothings as there are outputs."""
    answer = NOTHING if len(sig.outputs) < 2 else (NOTHING,) * len(sig.outputs)
    return lambda *_: answer


def _copy_out(*_: Any, **__: Any) -> Any:
    raise TypeError("[copy_out] the null device knows shapes only: there are no values to read")


@hookimpl
def backend_info() -> BackendInfo:
    return BackendInfo(api=(1, 0), summary="shapes only, for checks at build time")


@hookimpl
def backend_probe() -> list[DeviceInfo]:
    return [DeviceInfo(0, "shapes only", 0)]


@hookimpl
def backend_open(index: int, options: dict[str, Any]) -> NullRuntime:
    return NullRuntime()


@hookimpl
def backend_capabilities(runtime: NullRuntime) -> Capabilities:
    return Capabilities()


@hookimpl
def register_kernels(registry: Any, runtime: NullRuntime) -> None:
    for name in (*PRIMITIVES, "row", "argsort"):  # sorting would read values on the host
        if name == "copy_out":
            registry.kernel(name)(_copy_out)
        else:
            registry.kernel(name, specialize=True)(_answer)
