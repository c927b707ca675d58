"""Loss shapes (row 79 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import losses

dev = dfdx.device("cpu")
p = dev.zeros((5, 2))
y = dev.zeros((5, 3))
losses.mse_loss(p, y)  # BAD: ShapeError
