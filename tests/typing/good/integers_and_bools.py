"""Integers and bools."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank0, Rank1, Tensor, f32, i64

dev = dfdx.device("cpu")
a = dev.arange(6)
b = a * 2 + 1 - a
c: Tensor[Rank1[L[6]], dfdx.bool] = (a > b) & (a != 3) | ~(a == b)
d: Tensor[Rank1[L[6]], i64] = a & 3
e: Tensor[Rank0, dfdx.bool] = c.any()
f: Tensor[Rank1[L[6]], f32] = a.to_dtype(f32) * 0.5
g: Tensor[Rank1[L[6]]] = c.choose(f, 0.0)
h: Tensor[Rank1[L[6]]] = dfdx.where(c, f, f * 2.0)
k: Tensor[Rank1[L[6]]] = dfdx.where(c, 1.0, f)
print(bool(e), int(a[0]), f.isnan().all(), g.shape, h.shape, k.shape, d.shape)
