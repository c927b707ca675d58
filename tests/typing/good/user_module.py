"""User module."""

from __future__ import annotations

import dfdx
from dfdx import D, E, Gradients, L, Rank2, S, T, Tensor, nn

dev = dfdx.device("cpu")


class Scale(nn.Module):
    """Multiplies every feature by a number of its own."""

    def __init__(self, n: int) -> None:
        self.weight = nn.Param((n,), nn.init.ones)

    def forward(self, x: Tensor[S, E, D, T]) -> Tensor[S, E, D, T]:
        return x * self.weight.broadcast_like(x)


model = dev.build_module(Scale(3))
a: Tensor[Rank2[L[2], L[3]]] = model(dev.ones((2, 3)))
grads = model.alloc_grads()
g: Gradients = model(dev.ones((2, 3)).traced(grads)).sum().backward()
print(g.get(model.weight).shape, model)
