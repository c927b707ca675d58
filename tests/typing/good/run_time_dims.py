"""Run time dims."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Rank2, Tensor, nn

dev = dfdx.device("cpu")


def batches(n: int) -> Tensor[Rank2[int, L[10]]]:
    x = dev.zeros((n, 10))
    y: Tensor[Rank2[L[6], L[10]]] = x.realize((6, 10))
    print(y.shape)
    return x


x = batches(6)
model = dev.build_module((nn.Linear(10, 4), nn.ReLU()))
out: Tensor[Rank2[int, L[4]]] = model(x)
total: Tensor[Rank1[L[4]]] = out.sum(0)
