"""Flatten width (row 121 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((3, 8, 8))
dev.build_module((nn.Conv2D(3, 4, 3), nn.Flatten2D(), nn.Linear(100, 10)))(x)  # BAD: ShapeError
