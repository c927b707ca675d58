"""Add inline."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
dev.zeros((2, 3)) + dev.zeros((3, 2))  # BAD: ShapeError
