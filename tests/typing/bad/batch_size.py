"""Batch size (row 113 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, data

dev = dfdx.device("cpu")
items = data.dataset([dev.zeros((3,)) for _ in range(12)])
x: Tensor[Rank2[L[4], L[3]]] = next(iter(items.batch_exact(5).stack()))  # BAD
