"""Index and slice."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Rank2, Rank3, Tensor

dev = dfdx.device("cpu")
t = dev.zeros((4, 3, 5))
a: Tensor[Rank2[L[3], L[5]]] = t[0]
b = t[1:3, :, 0]
c = t[..., 2]
d: Tensor[Rank3[L[4], L[3], L[5]]] = t[...]
e = t.slice((range(2), range(3), range(1, 4)))
f: Tensor[Rank3[L[2], L[3], L[3]]] = e
g = t.pad(((1, 1), (0, 0), (0, 2)))
h: Tensor[Rank3[L[6], L[3], L[7]]] = g
for row in dev.zeros((2, 3)):
    r: Tensor[Rank1[L[3]]] = row
print(len(t), b.shape, c.shape, t.repeat((1, 2, 1)).shape)
