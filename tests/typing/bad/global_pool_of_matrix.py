"""Global pool of matrix (row 104 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.AvgPoolGlobal())
x = dev.zeros((5, 3))
model(x)  # BAD: ShapeError
