"""Select result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y: Tensor[Rank1[L[3]]] = x.select(0, axis=1)  # BAD
