"""Matmul matrix by vector (row 7 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3, 4))
y = dev.zeros((3,))
x @ y  # BAD: ShapeError
