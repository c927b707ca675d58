"""Conv size (row 119 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Conv2D(3, 4, 3))
x = dev.zeros((3, 8, 8))
y: Tensor[Rank3[L[4], L[8], L[8]]] = model(x)  # BAD
