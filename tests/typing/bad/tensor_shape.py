"""Tensor shape (row 59 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x: Tensor[Rank2[L[2], L[2]]] = dev.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # BAD
