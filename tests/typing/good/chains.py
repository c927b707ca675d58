"""Chains."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Rank2, Rank3, Tensor, nn

dev = dfdx.device("cpu")
flat = dev.build_module((nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2), nn.Sigmoid()))
a: Tensor[Rank2[L[5], L[2]]] = flat(dev.zeros((5, 8)))
b: Tensor[Rank3[L[3], L[5], L[2]]] = flat(dev.zeros((3, 5, 8)))
c: Tensor[Rank1[L[2]]] = flat.forward(dev.zeros((8,)))
eight = dev.build_module(
    (
        nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU()
    )
)  # fmt: skip
d: Tensor[Rank2[L[5], L[2]]] = eight(dev.zeros((5, 8)))
first = dev.build_module((nn.Dropout(0.1), nn.Linear(8, 4)))
e: Tensor[Rank2[L[5], L[4]]] = first(dev.zeros((5, 8)))
one = dev.build_module((nn.Linear(8, 4),))
f: Tensor[Rank2[L[5], L[4]]] = one(dev.zeros((5, 8)))
act = dev.build_module(nn.ReLU())
g: Tensor[Rank2[L[5], L[8]]] = act(dev.zeros((5, 8)))
