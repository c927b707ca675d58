"""Model dtype."""

from __future__ import annotations

import dfdx
from dfdx import f64, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(10, 2), f64)
x = dev.zeros((5, 10))
model(x)  # BAD: DTypeError
