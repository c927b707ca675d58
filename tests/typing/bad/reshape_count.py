"""Reshape count (row 46 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 4))
x.reshape((7,))  # BAD: ShapeError
