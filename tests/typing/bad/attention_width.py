"""Attention width."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.MultiHeadAttention(8, 2))
x = dev.zeros((5, 9))
model(x)  # BAD: ShapeError
