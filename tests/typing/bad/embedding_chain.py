"""Embedding chain."""

from __future__ import annotations

import dfdx
from dfdx import i64, nn

dev = dfdx.device("cpu")
ids = dev.zeros((5,), i64)
dev.build_module((nn.Embedding(100, 8), nn.Linear(9, 2)))(ids)  # BAD: ShapeError
