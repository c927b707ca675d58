"""Reshape and permute."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Rank2, Rank3, Rank4, Tensor

dev = dfdx.device("cpu")
t = dev.zeros((2, 3, 4))
a: Tensor[Rank2[L[6], L[4]]] = t.reshape((6, 4))
b: Tensor[Rank1[L[24]]] = a.reshape((24,))
c: Tensor[Rank4[L[1], L[2], L[3], L[4]]] = t.reshape((1, 2, 3, 4))
d: Tensor[Rank2[L[2], L[12]]] = t.reshape((2, -1))
e: Tensor[Rank3[L[4], L[2], L[3]]] = t.permute((2, 0, 1))
f: Tensor[Rank2[L[4], L[6]]] = a.permute((1, 0))
g: Tensor[Rank4[L[4], L[3], L[1], L[2]]] = c.permute((3, 2, 0, 1))
h: Tensor[Rank3[L[2], L[4], L[3]]] = t.permute((0, -1, -2))
i: Tensor[Rank1[L[24]]] = t.flatten()
j: Tensor[Rank2[L[6], L[4]]] = t.reshape_like(a)
k: Tensor[Rank3[L[2], L[3], L[4]]] = t.realize((2, 3, 4)).contiguous()
