"""Large literals."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((1, 50257))
y = dev.zeros((50304, 1))
x @ y  # BAD: ShapeError
