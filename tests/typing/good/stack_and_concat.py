"""Stack and concat."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Rank3, Tensor

dev = dfdx.device("cpu")
a = dev.zeros((2, 3))
b = dev.ones((2, 3))
s: Tensor[Rank3[L[3], L[2], L[3]]] = dfdx.stack((a, b, a))
t: Tensor[Rank3[L[2], L[2], L[3]]] = dfdx.stack((a, b), axis=1)
c: Tensor[Rank2[L[4], L[3]]] = dfdx.concat((a, b))
d: Tensor[Rank2[L[2], L[8]]] = dfdx.concat((a, dev.zeros((2, 5))), axis=1)
e: Tensor[Rank2[L[2], L[8]]] = dfdx.concat((a, dev.zeros((2, 5))), axis=-1)
f: Tensor[Rank2[L[2], L[4]]] = a.concat_along(dev.zeros((2, 1)), 1)
g = dfdx.stack([a for _ in range(4)])
h = dfdx.concat([a, b])
k = dfdx.stack((a.traced(), b))
longer = dfdx.concat([a, dev.zeros((5, 3))])
five: Tensor[Rank2[L[10], L[3]]] = dfdx.concat((a, b, a, b, a))
seven: Tensor[Rank2[L[7], L[3]]] = longer
print(five.shape, seven.shape)
print(g.shape, h.shape, k.sum().backward())
