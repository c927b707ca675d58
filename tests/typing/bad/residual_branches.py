"""Residual branches (row 87 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5,))
dev.build_module(nn.GeneralizedResidual(nn.Linear(5, 3), nn.Linear(5, 2)))(x)  # BAD: ShapeError
