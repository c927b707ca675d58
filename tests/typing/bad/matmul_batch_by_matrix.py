"""Matmul batch by matrix (row 2 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((1, 3, 2))
y = dev.zeros((3, 4))
x @ y  # BAD: ShapeError
