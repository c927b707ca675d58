"""Annotated rank."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor

dev = dfdx.device("cpu")
x: Tensor[Rank1[L[3]]] = dev.zeros((3, 1))  # BAD
