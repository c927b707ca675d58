"""Softmax axis missing (row 40 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.softmax(2)  # BAD: ShapeError
