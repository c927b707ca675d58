"""Add shapes (row 13 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y = dev.zeros((2, 4))
x + y  # BAD: ShapeError
