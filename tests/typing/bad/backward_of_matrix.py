"""Backward of matrix."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.traced().backward()  # BAD: ShapeError
