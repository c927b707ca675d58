"""Where shapes."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((4,))
dfdx.where(x > 0.0, y, y)  # BAD: ShapeError
