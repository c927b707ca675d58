"""Gather result (row 53 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, i64

dev = dfdx.device("cpu")
x = dev.zeros((3, 5))
i = dev.zeros((4,), i64)
y: Tensor[Rank2[L[5], L[5]]] = x.gather(i)  # BAD
