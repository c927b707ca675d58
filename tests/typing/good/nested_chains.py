"""Nested chains."""

from __future__ import annotations

import dfdx
from dfdx import Gradients, L, Rank2, Tensor, nn

dev = dfdx.device("cpu")
inner = dev.build_module((nn.Linear(10, 32), nn.ReLU()))
outer = dev.build_module((inner, nn.Linear(32, 2)))
a: Tensor[Rank2[L[5], L[2]]] = outer(dev.zeros((5, 10)))
g: Gradients = outer(dev.zeros((5, 10)).traced()).sum().backward()
block = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
b: Tensor[Rank2[L[5], L[2]]] = dev.build_module((block, nn.Linear(32, 2)))(dev.zeros((5, 10)))
c: Tensor[Rank2[L[5], L[2]]] = dev.build_module((nn.Linear(10, 6), (nn.ReLU(), nn.Linear(6, 2))))(dev.zeros((5, 10)))
print(outer[1].weight.shape, len(outer))
