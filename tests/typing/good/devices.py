"""Devices."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, Device, f64

dev = dfdx.device("cpu")


def f(d: Device) -> None:
    x = d.zeros((2, 3))
    print((x @ d.ones((3, 4))).shape, d.name)


f(dev)
f(dfdx.auto_device())
f(dfdx.device("cpu"))
own: Cpu = dfdx.device("cpu", seed=7)
own.seed(3)
own.synchronize()
own.empty_cache()
print(own.memory_stats(), [row.name for row in dfdx.devices()], own.supports(f64))
