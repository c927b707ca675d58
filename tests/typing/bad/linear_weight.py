"""Linear weight."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
w = dev.zeros((3, 4))
x.linear(w)  # BAD: ShapeError
