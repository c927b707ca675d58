"""Matmul result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y: Tensor[Rank2[L[2], L[5]]] = x @ dev.zeros((3, 4))  # BAD
