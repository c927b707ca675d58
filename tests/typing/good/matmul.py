"""Matmul."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank0, Rank1, Rank2, Rank3, Rank4, Tensor

dev = dfdx.device("cpu")
v = dev.zeros((3,))
m = dev.zeros((3, 4))
a = dev.zeros((2, 3))
b3 = dev.zeros((7, 2, 3))
c3 = dev.zeros((7, 3, 5))
b4 = dev.zeros((6, 7, 2, 3))
c4 = dev.zeros((6, 7, 3, 5))
o1: Tensor[Rank1[L[4]]] = v @ m
o2: Tensor[Rank2[L[2], L[4]]] = a @ m
o3: Tensor[Rank1[L[2]]] = a @ v
o4: Tensor[Rank3[L[7], L[2], L[4]]] = b3 @ m
o5: Tensor[Rank3[L[7], L[2], L[5]]] = b3 @ c3
o6: Tensor[Rank4[L[6], L[7], L[2], L[4]]] = b4 @ m
o7: Tensor[Rank4[L[6], L[7], L[2], L[5]]] = b4 @ c4
o8: Tensor[Rank0] = v.dot(v)
o9: Tensor[Rank2[L[3], L[4]]] = v.outer(dev.ones((4,)))
p: Tensor[Rank2[L[2], L[4]]] = dfdx.matmul(a, m)
q: Tensor[Rank2[L[2], L[5]]] = a.linear(dev.ones((5, 3)), dev.ones((5,)))
