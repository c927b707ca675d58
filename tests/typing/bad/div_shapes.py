"""Div shapes."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((4, 3))
y = dev.zeros((4, 3, 1))
x / y  # BAD: ShapeError
