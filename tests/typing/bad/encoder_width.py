"""Encoder width."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.TransformerEncoderBlock(8, 2, 16))
x = dev.zeros((3, 5, 7))
model(x)  # BAD: ShapeError
