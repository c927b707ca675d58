"""Linear width (row 81 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(5, 2))
x = dev.zeros((3,))
model(x)  # BAD: ShapeError
