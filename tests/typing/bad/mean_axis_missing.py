"""Mean axis missing."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.mean(-3)  # BAD: ShapeError
