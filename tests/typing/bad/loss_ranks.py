"""Loss ranks."""

from __future__ import annotations

import dfdx
from dfdx import losses

dev = dfdx.device("cpu")
p = dev.zeros((5, 1))
y = dev.zeros((5,))
losses.rmse_loss(p, y)  # BAD: ShapeError
