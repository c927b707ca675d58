"""Run time dim against literal."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
n = int("3")
x = dev.zeros((n, 4))
y: Tensor[Rank2[L[3], L[4]]] = x  # BAD
