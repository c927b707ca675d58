"""Add into inputs (row 91 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.AddInto(nn.Linear(2, 5), nn.Linear(3, 5)))
a = dev.zeros((2,))
model(a)  # BAD: ShapeError
