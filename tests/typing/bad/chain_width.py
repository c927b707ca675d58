"""Chain width (row 83 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5,))
dev.build_module((nn.Linear(5, 3), nn.ReLU(), nn.Linear(4, 2)))(x)  # BAD: ShapeError
