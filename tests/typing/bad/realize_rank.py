"""Realize rank (row 48 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
n = int("2")
x = dev.zeros((2, 3))
x.realize((n,))  # BAD: ShapeError
