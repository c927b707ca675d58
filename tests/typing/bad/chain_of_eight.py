"""Chain of eight."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 8))
spec = (nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(3, 2), nn.ReLU())
dev.build_module(spec)(x)  # BAD: ShapeError
