"""To dtype result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, f32, f64

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y: Tensor[Rank1[L[3]], f32] = x.to_dtype(f64)  # BAD
