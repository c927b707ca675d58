"""Concat other dims (row 57 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 7))
y = dev.zeros((3, 7))
dfdx.concat((x, y), axis=1)  # BAD: ShapeError
