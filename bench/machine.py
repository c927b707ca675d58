"""The machine's limits, measured in the same run as the rows that are held against them."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from .harness import Work, measure

__all__ = ["limits"]

_MB = 1 << 20


def limits(seconds: float = 0.3) -> dict[str, Any]:
    """CPU, cores, GF/s of a 1024^3 f32 product, GB/s of reading, copying and updating 256 MB in place."""
    a, b = (np.random.default_rng(s).standard_normal((1024, 1024), np.float32) for s in range(2))
    c = np.empty_like(a)
    big, other = np.ones(256 * _MB // 4, np.float32), np.empty(256 * _MB // 4, np.float32)
    found = measure(
        {
            "matmul": Work(lambda: np.matmul(a, b, out=c)),
            "read": Work(lambda: np.add.reduce(big)),
            "copy": Work(lambda: np.copyto(other, big)),
            "update": Work(lambda: np.multiply(big, np.float32(1.0), out=big)),
        },
        seconds,
    )
    best = {name: getattr(t, "min") for name, t in found.items()}  # noqa: B009
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "matmul GF/s": 2 * 1024**3 / best["matmul"] / 1e9,
        "read GB/s": big.nbytes / best["read"] / 1e9,
        "copy GB/s": 2 * big.nbytes / best["copy"] / 1e9,
        "update GB/s": 2 * big.nbytes / best["update"] / 1e9,
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.partition(":")[2].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
