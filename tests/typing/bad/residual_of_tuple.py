"""Residual of tuple."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
dev.build_module(nn.Residual((nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 9))))(x)  # BAD: ShapeError
