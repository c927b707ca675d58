"""Matmul batch dims (row 4 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((10, 3, 2))
y = dev.zeros((5, 2, 4))
x @ y  # BAD: ShapeError
