"""Generic result."""

from __future__ import annotations

import dfdx
from dfdx import B, D, Dim, E, K, Rank2, T, Tensor

dev = dfdx.device("cpu")


def f(x: Tensor[Rank2[Dim[B], Dim[K]], E, D, T]) -> Tensor[Rank2[Dim[K], Dim[B]], E, D, T]:
    return x.relu()  # BAD


print(f(dev.zeros((2, 3))).shape)
