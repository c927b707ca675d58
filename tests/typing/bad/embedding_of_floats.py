"""Embedding of floats."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Embedding(100, 8))
x = dev.zeros((5,))
model(x)  # BAD: DTypeError
