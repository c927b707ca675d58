"""Concat sum (row 126 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((3, 4))
y: Tensor[Rank2[L[7], L[4]]] = dfdx.concat((x, x))  # BAD
