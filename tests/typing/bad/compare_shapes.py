"""Compare shapes (row 25 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((4,))
mask = x < y  # BAD: ShapeError
