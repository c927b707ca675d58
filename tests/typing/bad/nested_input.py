"""Nested input."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(((nn.Linear(10, 32), nn.ReLU()), (nn.Linear(32, 2), nn.Tanh())))
x = dev.zeros((5, 11))
model(x)  # BAD: ShapeError
