"""Broadcast."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Rank3, Rank4, Tensor

dev = dfdx.device("cpu")
bias = dev.zeros((3,))
row: Tensor[Rank2[L[5], L[3]]] = bias.broadcast_to((5, 3))
col: Tensor[Rank2[L[3], L[6]]] = bias.broadcast_to((3, 6), axes=-1)
mid: Tensor[Rank3[L[2], L[4], L[3]]] = dev.zeros((2, 3)).broadcast_to((2, 4, 3), 1)
img: Tensor[Rank4[L[8], L[3], L[5], L[6]]] = bias.broadcast_to((8, 3, 5, 6), (0, 2, 3))
one: Tensor[Rank2[L[5], L[3]]] = dev.zeros(()).broadcast_to((5, 3))
y = dev.zeros((5, 3)) + bias.broadcast_to((5, 3), axes=0)
z: Tensor[Rank2[L[5], L[3]]] = bias.broadcast_like(y)


def add(x: Tensor[Rank2[int, L[3]]], n: int) -> Tensor[Rank2[int, L[3]]]:
    return x + bias.broadcast_to((n, 3))


print(add(dev.zeros((int("4"), 3)), 4).shape, z.shape)
