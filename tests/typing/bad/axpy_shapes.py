"""Axpy shapes (row 110 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((4,))
x.axpy(1.0, y, 1.0)  # BAD: ShapeError
