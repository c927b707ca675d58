"""Along an axis."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor, i64

dev = dfdx.device("cpu")
t = dev.ones((7, 2, 3))
a: Tensor[Rank3[L[7], L[2], L[3]]] = t.softmax()
b: Tensor[Rank3[L[7], L[2], L[3]]] = t.log_softmax(1)
c: Tensor[Rank3[L[7], L[2], L[3]]] = t.normalize(-2)
d: Tensor[Rank3[L[7], L[2], L[3]]] = dfdx.softmax(t, 0)
e: Tensor[Rank3[L[7], L[2], L[3]]] = t.layer_norm(dev.ones((3,)), dev.zeros((3,)))
f: Tensor[Rank3[L[7], L[2], L[3]]] = t.rms_norm(dev.ones((3,)))
g: Tensor[Rank3[L[7], L[2], L[3]]] = t.cumsum(1).flip(0).roll(1, 2)
h: Tensor[Rank3[L[7], L[2], L[3]], i64] = t.argsort()
values, places = t.topk(2)
i: Tensor[Rank3[L[7], L[2], L[2]]] = values
