"""Upscale size (row 115 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((1, 3, 3))
y: Tensor[Rank3[L[2], L[6], L[6]]] = x.upscale2d((6, 6))  # BAD
