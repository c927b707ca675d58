"""Select index shape (row 51 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import i64

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
i = dev.zeros((3,), i64)
x.select(i, axis=1)  # BAD: ShapeError
