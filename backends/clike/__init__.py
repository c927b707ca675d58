"""Kernel text in the C dialect that OpenCL and CUDA share, and all host-side logic that both need.

A driver implements `engine.Engine` (allocate, prepare a launch, copy) and calls `register`; it may register faster kernels of its
own afterwards, under other predicates.
"""

from __future__ import annotations

from typing import Any

from . import conv, index, map, matmul, memory, pool, random, reduce, rows, scan, sort, upscale
from .engine import Engine

__all__ = ["FAMILIES", "register"]

FAMILIES = (memory, map, rows, reduce, matmul, index, random, conv, pool, upscale, scan, sort)


def register(registry: Any, engine: Engine) -> None:
    """Register every kernel of this package on an engine."""
    for family in FAMILIES:
        family.register(registry, engine)
