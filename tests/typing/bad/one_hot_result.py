"""One hot result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, i64

dev = dfdx.device("cpu")
labels = dev.zeros((7,), i64)
y: Tensor[Rank2[L[7], L[9]]] = dev.one_hot_encode(labels, 10)  # BAD
