"""Broadcast then add."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((5, 3))
b = dev.zeros((3,))
x + b.broadcast_to((4, 3))  # BAD: ShapeError
