"""Matmul rank four."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3, 4, 5))
y = dev.zeros((2, 3, 6, 7))
x @ y  # BAD: ShapeError
