"""And of floats (row 26 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = dev.zeros((3,))
x & y  # BAD: DTypeError
