"""Arange result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, i64

dev = dfdx.device("cpu")
x: Tensor[Rank1[L[5]], i64] = dev.arange(6)  # BAD
