"""Tensor ragged (row 60 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.tensor([[1.0, 2.0, 3.0], [4.0, 5.0]])  # BAD: ShapeError
