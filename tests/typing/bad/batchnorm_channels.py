"""Batchnorm channels (row 98 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.BatchNorm1D(3))
x = dev.zeros((5, 4))
model(x)  # BAD: ShapeError
