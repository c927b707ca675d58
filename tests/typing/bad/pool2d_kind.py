"""Pool2d kind."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3, 8, 8))
x.pool2d("sum", 2)  # BAD: ValueError
