"""Slice ranges (row 50 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.slice((range(1),))  # BAD: ShapeError
