"""Loss dtypes."""

from __future__ import annotations

import dfdx
from dfdx import f64, losses

dev = dfdx.device("cpu")
p = dev.zeros((5, 2))
y = dev.zeros((5, 2), f64)
losses.huber_loss(p, y)  # BAD: DTypeError
