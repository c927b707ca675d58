"""Broadcast like result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((5, 3))
b = dev.zeros((3,))
y: Tensor[Rank2[L[3], L[5]]] = b.broadcast_like(x)  # BAD
