"""Reductions."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank0, Rank1, Rank2, Tensor, i64

dev = dfdx.device("cpu")
t = dev.ones((7, 2, 3))
s: Tensor[Rank0] = t.sum()
a: Tensor[Rank2[L[2], L[3]]] = t.sum(0)
b: Tensor[Rank2[L[7], L[3]]] = t.mean(1)
c: Tensor[Rank2[L[7], L[2]]] = t.max(-1)
d: Tensor[Rank1[L[7]]] = t.min((-2, -1))
e: Tensor[Rank1[L[3]]] = t.prod((0, 1))
f: Tensor[Rank2[L[7], L[2]]] = t.logsumexp(2)
g: Tensor[Rank2[L[2], L[3]]] = t.var(0, correction=1)
h: Tensor[Rank1[L[2]]] = t.stddev((0, 2), 1e-5)
i: Tensor[Rank2[L[7], L[3]]] = t.norm(1, 1.0)
j: Tensor[Rank2[L[7], L[2]]] = t.sum(to=(7, 2))
k: Tensor[Rank2[L[7], L[3]], i64] = t.argmax(1)
m: Tensor[Rank2[L[2], L[3]]] = dfdx.sum(t, 0)
n: Tensor[Rank0] = dfdx.mean(t)
