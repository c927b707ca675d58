"""Initial values of parameters: functions of (device, shape, dtype)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.public import Device, Tensor

__all__ = ["Init", "constant", "normal", "ones", "uniform", "zeros"]

Init = Callable[[Device, tuple[int, ...], Any], Tensor]


def constant(value: float) -> Init:
    """All elements alike."""
    return lambda device, shape, dtype: device.full(shape, value, dtype)


zeros, ones = constant(0.0), constant(1.0)


def uniform(bound: float) -> Init:
    """Uniform in [-bound, bound)."""
    return lambda device, shape, dtype: device.sample_uniform(shape, dtype, -bound, bound)


def normal(mean: float = 0.0, std: float = 1.0) -> Init:
    """Normal with this mean and standard deviation."""
    return lambda device, shape, dtype: device.sample_normal(shape, dtype, mean, std)
