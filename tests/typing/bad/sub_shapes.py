"""Sub shapes."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((4, 3))
y = dev.zeros((3, 4))
x - y  # BAD: ShapeError
