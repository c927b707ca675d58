"""Dropout infers traced (row 92 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Dropout())
x = dev.zeros((5,))
model.forward(x.traced())  # BAD: TapeError
