"""Gather leading dims."""

from __future__ import annotations

import dfdx
from dfdx import i64

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
i = dev.zeros((4, 5), i64)
x.gather(i, axis=1)  # BAD: ShapeError
