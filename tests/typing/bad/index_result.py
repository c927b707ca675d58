"""Index result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y: Tensor[Rank1[L[2]]] = x[0]  # BAD
