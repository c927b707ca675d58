"""Sum to foreign shape (row 35 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.sum(to=(4,))  # BAD: ShapeError
