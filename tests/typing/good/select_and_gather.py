"""Select and gather."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Rank3, Rank4, Tensor, i64

dev = dfdx.device("cpu")
x = dev.zeros((4, 3, 5))
i = dev.zeros((4,), i64)
a: Tensor[Rank2[L[3], L[5]]] = x.select(0)
b: Tensor[Rank2[L[4], L[5]]] = x.select(i, axis=1)
c: Tensor[Rank3[L[4], L[3], L[5]]] = x.gather(i)
d: Tensor[Rank3[L[4], L[2], L[5]]] = x.gather(dev.zeros((4, 2), i64), axis=1)
e: Tensor[Rank4[L[2], L[2], L[3], L[5]]] = x.gather(dev.zeros((2, 2), i64))
f: Tensor[Rank3[L[7], L[3], L[5]]] = x.scatter_add(i, 7)
g: Tensor[Rank2[L[4], L[10]]] = dev.one_hot_encode(i, 10)
