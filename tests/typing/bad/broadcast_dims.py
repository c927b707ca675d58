"""Broadcast dims (row 30 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.broadcast_to((5, 4))  # BAD: ShapeError
