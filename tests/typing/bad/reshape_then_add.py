"""Reshape then add."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x + x.reshape((3, 2))  # BAD: ShapeError
