"""Chain output (row 84 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module((nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2)))
x = dev.zeros((5,))
y: Tensor[Rank1[L[3]]] = model(x)  # BAD
