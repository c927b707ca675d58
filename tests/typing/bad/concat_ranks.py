"""Concat ranks."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y = dev.zeros((3,))
dfdx.concat((x, y))  # BAD: ShapeError
