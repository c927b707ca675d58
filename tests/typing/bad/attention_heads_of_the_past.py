"""Attention heads of the past (row 135 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
qkv = dev.zeros((1, 18))
k = dev.zeros((2, 3, 4))
v = dev.zeros((3, 4, 3))
dfdx.attention_reshape(qkv, k, v)  # BAD: ShapeError
