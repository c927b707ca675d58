"""Stack shapes."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y = dev.zeros((2, 4))
dfdx.stack((x, y))  # BAD: ShapeError
