"""Generic call."""

from __future__ import annotations

import dfdx
from dfdx import B, D, Dim, E, K, N, Rank2, T, Tensor

dev = dfdx.device("cpu")


def f(
    x: Tensor[Rank2[Dim[B], Dim[K]], E, D, T], w: Tensor[Rank2[Dim[K], Dim[N]], E, D]
) -> Tensor[Rank2[Dim[B], Dim[N]], E, D, T]:
    return x.matmul(w)


x, w = dev.zeros((2, 3)), dev.zeros((4, 5))
y = f(x, w)  # BAD: ShapeError
