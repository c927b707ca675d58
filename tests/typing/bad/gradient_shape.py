"""Gradient shape (row 76 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((3,))
g = x.traced().sum().backward()
y: Tensor[Rank1[L[4]]] = g.get(x)  # BAD
