"""Permute rank."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.permute((0, 2, 1))  # BAD: ShapeError
