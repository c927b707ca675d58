"""Linear rank three."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(10, 2))
x = dev.zeros((7, 5, 11))
model(x)  # BAD: ShapeError
