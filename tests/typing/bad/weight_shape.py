"""Weight shape."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(10, 2))
w: Tensor[Rank2[L[10], L[2]]] = model.weight  # BAD
