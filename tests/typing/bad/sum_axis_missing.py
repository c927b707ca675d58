"""Sum axis missing (row 36 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.sum(2)  # BAD: ShapeError
