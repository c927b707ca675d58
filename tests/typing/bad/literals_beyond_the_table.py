"""Literals beyond the table."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 1234))
y = dev.zeros((1235, 2))
x @ y  # BAD: ShapeError
