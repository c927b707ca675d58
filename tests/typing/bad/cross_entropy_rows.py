"""Cross entropy rows."""

from __future__ import annotations

import dfdx
from dfdx import i64, losses

dev = dfdx.device("cpu")
p = dev.zeros((64, 10))
y = dev.zeros((32,), i64)
losses.cross_entropy_with_indices_loss(p, y)  # BAD: ShapeError
