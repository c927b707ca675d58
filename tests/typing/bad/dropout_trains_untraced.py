"""Dropout trains untraced (row 93 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Dropout())
x = dev.zeros((5,))
model.forward_mut(x)  # BAD: TapeError
