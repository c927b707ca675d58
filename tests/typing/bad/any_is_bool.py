"""Any is bool."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, f32

dev = dfdx.device("cpu")
x = dev.zeros((2, 3)) > 0.5
y: Tensor[Rank1[L[3]], f32] = x.any(0)  # BAD
