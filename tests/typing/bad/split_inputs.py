"""Split inputs."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
dev.build_module(nn.SplitInto(nn.Linear(10, 3), nn.Linear(11, 3)))(x)  # BAD: ShapeError
