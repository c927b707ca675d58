"""Stack count (row 55 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y: Tensor[Rank2[L[3], L[3]]] = dfdx.stack((x, x))  # BAD
