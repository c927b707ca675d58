"""Conv2d channels."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((1, 3, 8, 8))
w = dev.zeros((4, 2, 3, 3))
x.conv2d(w)  # BAD: ShapeError
