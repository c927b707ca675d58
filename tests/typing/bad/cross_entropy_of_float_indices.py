"""Cross entropy of float indices."""

from __future__ import annotations

import dfdx
from dfdx import losses

dev = dfdx.device("cpu")
p = dev.zeros((64, 10))
y = dev.zeros((64,))
losses.cross_entropy_with_indices_loss(p, y)  # BAD: DTypeError
