"""Transformers."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor, nn

dev = dfdx.device("cpu")
x = dev.zeros((2, 5, 8))
a: Tensor[Rank3[L[2], L[5], L[8]]] = dev.build_module(nn.MultiHeadAttention(8, 2))(x)
b: Tensor[Rank3[L[2], L[5], L[8]]] = dev.build_module(nn.TransformerEncoderBlock(8, 2, 16))(x)
c: Tensor[Rank3[L[2], L[5], L[8]]] = dev.build_module(nn.TransformerEncoder(8, 2, 16, 2))(x)
d = dev.build_module(nn.Transformer(8, 2, 16, 1, 1))(x, x)
e = dev.build_module((nn.Linear(4, 8), nn.TransformerEncoder(8, 2, 16, 1), nn.Linear(8, 3)))(dev.zeros((2, 5, 4)))
f: Tensor[Rank3[L[2], L[5], L[3]]] = e
g = dev.build_module(nn.MultiHeadAttention(8, 2))(x, x, x)
print(d.shape, g.shape)
