"""Ema of another shape (row 109 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
m = dev.build_module(nn.Linear(5, 2))
n = dev.build_module(nn.Linear(5, 3))
m.ema(n, 0.5)  # BAD: ShapeError
