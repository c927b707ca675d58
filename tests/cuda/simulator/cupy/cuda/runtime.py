"""The CUDA runtime: two devices with one memory."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

__all__ = [
    "driverGetVersion", "getDevice", "getDeviceCount", "getDeviceProperties", "memGetInfo", "memcpyAsync", "memcpyDeviceToDevice",
    "memcpyDeviceToHost", "memcpyHostToDevice", "setDevice",
]  # fmt: skip

memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 1, 2, 3
_here = threading.local()


def getDeviceCount() -> int:
    return 2


def driverGetVersion() -> int:
    return 13000


def getDevice() -> int:
    return getattr(_here, "device", 0)


def setDevice(index: int) -> None:
    if not 0 <= index < getDeviceCount():
        raise RuntimeError(f"cudaErrorInvalidDevice: {index}")
    _here.device = index


def getDeviceProperties(index: int) -> dict[str, Any]:
    from .memory import TOTAL

    return {"name": b"Simulated GPU", "major": 9, "minor": 0, "multiProcessorCount": 4, "totalGlobalMem": TOTAL}


def memGetInfo() -> tuple[int, int]:
    from .memory import TOTAL, free

    return free(), TOTAL


def memcpyAsync(target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
    from .streams import enqueue

    if kind != memcpyDeviceToDevice:
        enqueue(stream, None)
    enqueue(stream, lambda: ctypes.memmove(target, source, nbytes))
