"""Model device."""

from __future__ import annotations

from typing import Any

import dfdx
from dfdx import Cuda, L, Rank2, Tensor, f32, nn

dev = dfdx.device("cpu")


def f(x: Tensor[Rank2[L[5], L[10]], f32, Cuda]) -> None:
    dev.build_module(nn.Linear(10, 2))(x)  # BAD: DeviceMismatchError


other: Any = dfdx.device("null")
f(other.zeros((5, 10)))
