"""Relu of bools (row 27 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,), dfdx.bool)
x.relu()  # BAD: DTypeError
