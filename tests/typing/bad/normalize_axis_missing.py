"""Normalize axis missing (row 41 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.normalize(1)  # BAD: ShapeError
