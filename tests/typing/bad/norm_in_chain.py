"""Norm in chain."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
dev.build_module((nn.Linear(10, 32), nn.LayerNorm1D(16), nn.ReLU()))(x)  # BAD: ShapeError
