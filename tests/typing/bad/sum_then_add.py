"""Sum then add."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.sum(0) + x.sum(1)  # BAD: ShapeError
