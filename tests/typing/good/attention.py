"""Attention."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor

dev = dfdx.device("cpu")
q = dev.zeros((2, 5, 8))
k = dev.zeros((2, 7, 8))
v = dev.zeros((2, 7, 6))
a: Tensor[Rank3[L[2], L[5], L[6]]] = q.attention(k, v)
b: Tensor[Rank3[L[2], L[7], L[6]]] = k.attention(k, v, causal=True)
print(a.shape, b.shape)
