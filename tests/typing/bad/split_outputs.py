"""Split outputs."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.SplitInto(nn.Linear(10, 3), nn.Linear(10, 4)))
a, b = model(dev.zeros((5, 10)))
a + b  # BAD: ShapeError
