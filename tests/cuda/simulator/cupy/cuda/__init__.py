"""Devices, streams, memory and graphs."""

from __future__ import annotations

from . import device, memory, runtime
from .device import Device
from .memory import Memory, MemoryPointer, MemoryPool
from .streams import Graph, Stream, get_current_stream

__all__ = [
    "Device",
    "Graph",
    "Memory",
    "MemoryPointer",
    "MemoryPool",
    "Stream",
    "device",
    "get_current_stream",
    "memory",
    "runtime",
]
