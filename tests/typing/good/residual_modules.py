"""Residual modules."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
a: Tensor[Rank2[L[5], L[10]]] = dev.build_module(nn.Residual(nn.Linear(10, 10)))(x)
wide = (nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 10))
b: Tensor[Rank2[L[5], L[10]]] = dev.build_module(nn.Residual(wide))(x)
c: Tensor[Rank2[L[5], L[3]]] = dev.build_module(nn.GeneralizedResidual(nn.Linear(10, 3), nn.Linear(10, 3)))(x)
d: Tensor[Rank2[L[5], L[3]]] = dev.build_module((nn.Residual(nn.Linear(10, 10)), nn.ReLU(), nn.Linear(10, 3)))(x)
heads = dev.build_module(nn.SplitInto(nn.Linear(10, 3), nn.Linear(10, 4)))
e, f = heads(x)
g: Tensor[Rank2[L[5], L[3]]] = e
h: Tensor[Rank2[L[5], L[4]]] = f
both = dev.build_module(nn.AddInto(nn.Linear(10, 3), nn.Linear(4, 3)))
i: Tensor[Rank2[L[5], L[3]]] = both(x, dev.zeros((5, 4)))
j: Tensor[Rank2[L[5], L[3]]] = both((x, dev.zeros((5, 4))))
