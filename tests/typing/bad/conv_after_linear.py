"""Conv after linear."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
dev.build_module((nn.Linear(10, 3), nn.Conv2D(3, 8, 3)))(x)  # BAD: ShapeError
