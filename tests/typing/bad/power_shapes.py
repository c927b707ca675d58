"""Power shapes."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.ones((3,))
y = dev.ones((2,))
x.power(y)  # BAD: ShapeError
