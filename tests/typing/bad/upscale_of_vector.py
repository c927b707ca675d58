"""Upscale of vector (row 114 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.upscale2d((6, 6))  # BAD: ShapeError
