"""Loss target with tape (row 78 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import losses

dev = dfdx.device("cpu")
x = dev.zeros((3,))
losses.mse_loss(x.traced(), x.traced())  # BAD: TapeError
