"""Conv of matrix (row 122 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Conv2D(3, 4, 3))
x = dev.zeros((8, 8))
model(x)  # BAD: ShapeError
