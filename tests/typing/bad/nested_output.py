"""Nested output."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module(((nn.Linear(10, 32), nn.ReLU()), (nn.Linear(32, 2), nn.Tanh())))
y: Tensor[Rank2[L[5], L[3]]] = model(dev.zeros((5, 10)))  # BAD
