"""Batchnorm2d channels."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((2, 3, 8, 8))
dev.build_module((nn.Conv2D(3, 4, 3), nn.BatchNorm2D(5)))(x)  # BAD: ShapeError
