"""Permute repeated axis (row 45 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((1, 1, 1))
x.permute((1, 1, 1))  # BAD: ShapeError
