"""Index of scalar."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros(())
x[0]  # BAD: ShapeError
