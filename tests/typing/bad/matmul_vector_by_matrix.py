"""Matmul vector by matrix (row 6 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2,))
y = dev.zeros((3, 4))
x @ y  # BAD: ShapeError
