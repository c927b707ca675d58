"""Conv2d result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank4, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((1, 3, 8, 8))
w = dev.zeros((4, 3, 3, 3))
y: Tensor[Rank4[L[1], L[3], L[6], L[6]]] = x.conv2d(w)  # BAD
