"""Loss is a scalar."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, losses

dev = dfdx.device("cpu")
p = dev.zeros((5, 2))
x: Tensor[Rank1[L[5]]] = losses.mse_loss(p, p)  # BAD
