"""Argmax result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, i64

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y: Tensor[Rank1[L[3]], i64] = x.argmax(1)  # BAD
