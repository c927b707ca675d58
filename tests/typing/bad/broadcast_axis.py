"""Broadcast axis."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.broadcast_to((3, 5), axes=0)  # BAD: ShapeError
