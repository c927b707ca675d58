"""Mul size one is not stretched (row 15 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y = dev.zeros((1, 3))
x * y  # BAD: ShapeError
