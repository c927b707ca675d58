"""Concat dtypes."""

from __future__ import annotations

import dfdx
from dfdx import f64

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
y = dev.zeros((2, 3), f64)
dfdx.concat((x, y))  # BAD: DTypeError
