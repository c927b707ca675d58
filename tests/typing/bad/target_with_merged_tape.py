"""Target with merged tape."""

from __future__ import annotations

import dfdx
from dfdx import losses

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = x.traced() + x
losses.mae_loss(x.traced(), y)  # BAD: TapeError
