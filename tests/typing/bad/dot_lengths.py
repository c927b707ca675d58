"""Dot lengths."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((4,))
x.dot(y)  # BAD: ShapeError
