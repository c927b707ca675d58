"""Choose by floats (row 28 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
k = dev.zeros((3,))
x = dev.zeros((3,))
k.choose(x, x)  # BAD: DTypeError
