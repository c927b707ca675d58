"""Outer of matrix."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3, 2))
y = dev.zeros((4,))
x.outer(y)  # BAD: ShapeError
