"""Make from data."""

from __future__ import annotations

import numpy as np

import dfdx
from dfdx import L, Rank0, Rank1, Rank2, Tensor, f64, i64

dev = dfdx.device("cpu")
a: Tensor[Rank2[L[2], L[3]]] = dev.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
b: Tensor[Rank1[L[3]], i64] = dev.tensor([1, 2, 3])
c: Tensor[Rank1[L[2]], f64] = dev.tensor([1.0, 2.0], f64)
d: Tensor[Rank0] = dev.tensor(1.5)
e: Tensor[Rank1[L[2]], dfdx.bool] = dev.tensor([True, False])
f = dev.tensor(np.ones((2, 3), np.float32))
g: Tensor[Rank2[L[2], L[3]]] = f
h = dev.tensor(a)
print(h.shape, g.tolist(), dev.tensor(a.array()))

i = dev.zeros(np.asarray(f.tolist()).shape)
j: Tensor[Rank2[L[2], L[3]]] = i + f
print(j.shape, dev.sample_normal(np.asarray(b.tolist()).shape, f64).sum(0).item())
