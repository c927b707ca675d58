"""Residual input."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Residual(nn.Linear(10, 10)))
x = dev.zeros((5, 11))
model(x)  # BAD: ShapeError
