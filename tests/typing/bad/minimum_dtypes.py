"""Minimum dtypes."""

from __future__ import annotations

import dfdx
from dfdx import f64

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((3,), f64)
x.minimum(y)  # BAD: DTypeError
