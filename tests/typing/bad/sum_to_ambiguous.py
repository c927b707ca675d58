"""Sum to ambiguous (row 37 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3, 3))
x.sum(to=(3,))  # BAD: ShapeError
