"""Permute result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((2, 3, 4))
y: Tensor[Rank3[L[4], L[3], L[2]]] = x.permute((2, 0, 1))  # BAD
