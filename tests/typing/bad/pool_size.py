"""Pool size."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.MaxPool2D(2, 2))
y: Tensor[Rank3[L[3], L[5], L[5]]] = model(dev.zeros((3, 8, 8)))  # BAD
