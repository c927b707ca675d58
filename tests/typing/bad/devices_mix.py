"""Devices mix."""

from __future__ import annotations

from typing import Any

import dfdx
from dfdx import Cpu, Cuda, L, Rank1, Tensor, f32

dev = dfdx.device("cpu")


def f(a: Tensor[Rank1[L[3]], f32, Cpu], b: Tensor[Rank1[L[3]], f32, Cuda]) -> None:
    a + b  # BAD: DeviceMismatchError


other: Any = dfdx.device("null")
f(dev.zeros((3,)), other.zeros((3,)))
