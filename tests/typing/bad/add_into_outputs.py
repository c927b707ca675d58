"""Add into outputs (row 90 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
a, b = dev.zeros((2,)), dev.zeros((3,))
dev.build_module(nn.AddInto(nn.Linear(2, 5), nn.Linear(3, 4)))(a, b)  # BAD: ShapeError
