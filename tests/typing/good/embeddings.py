"""Embeddings."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Rank3, Tensor, i64, nn

dev = dfdx.device("cpu")
ids = dev.zeros((3, 5), i64)
table = dev.build_module(nn.Embedding(100, 8))
a: Tensor[Rank3[L[3], L[5], L[8]]] = table(ids)
w: Tensor[Rank2[L[100], L[8]]] = table.weight
model = dev.build_module((nn.Embedding(100, 8), nn.Linear(8, 2)))
b: Tensor[Rank3[L[3], L[5], L[2]]] = model(ids)
print(a.shape, b.shape, w.shape)
