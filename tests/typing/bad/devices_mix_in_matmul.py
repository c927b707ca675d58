"""Devices mix in matmul."""

from __future__ import annotations

from typing import Any

import dfdx
from dfdx import Cpu, L, OpenCL, Rank2, Tensor, f32

dev = dfdx.device("cpu")


def f(a: Tensor[Rank2[L[2], L[3]], f32, Cpu], b: Tensor[Rank2[L[3], L[4]], f32, OpenCL]) -> None:
    a @ b  # BAD: DeviceMismatchError


other: Any = dfdx.device("null")
f(dev.zeros((2, 3)), other.zeros((3, 4)))
