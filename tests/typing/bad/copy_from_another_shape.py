"""Copy from another shape."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
m = dev.build_module(nn.Linear(5, 2))
n = dev.build_module(nn.Linear(4, 2))
m.copy_from(n)  # BAD: ShapeError
