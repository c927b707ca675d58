"""Broadcast to fewer dims (row 31 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3, 4))
x.broadcast_to((3,))  # BAD: ShapeError
