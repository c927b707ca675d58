"""Exp of integers."""

from __future__ import annotations

import dfdx
from dfdx import i64

dev = dfdx.device("cpu")
x = dev.zeros((3,), i64)
x.exp()  # BAD: DTypeError
