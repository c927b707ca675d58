"""Annotated shape."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x: Tensor[Rank2[L[2], L[4]]] = dev.zeros((2, 3))  # BAD
