"""Attention heads (row 101 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = nn.MultiHeadAttention(8, 3)  # BAD: ShapeError
