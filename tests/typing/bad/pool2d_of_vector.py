"""Pool2d of vector."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((8,))
x.pool2d("max", 2)  # BAD: ShapeError
