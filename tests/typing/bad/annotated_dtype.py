"""Annotated dtype."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, f64

dev = dfdx.device("cpu")
x: Tensor[Rank1[L[3]], f64] = dev.zeros((3,))  # BAD
