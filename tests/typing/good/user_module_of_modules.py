"""User module of modules."""

from __future__ import annotations

import dfdx
from dfdx import B, Cpu, Dim, L, Rank2, T, Tensor, f32, losses, nn, optim

dev = dfdx.device("cpu")


class Net(nn.Module):
    """Two layers with a tanh between them."""

    def __init__(self) -> None:
        self.first = nn.Linear(10, 16)
        self.second = nn.Linear(16, 2)

    def forward(self, x: Tensor[Rank2[Dim[B], L[10]], f32, Cpu, T]) -> Tensor[Rank2[Dim[B], L[2]], f32, Cpu, T]:
        return self.second(self.first(x).tanh())


model = dev.build_module(Net())
opt = optim.Adam(model)
a: Tensor[Rank2[L[5], L[2]]] = model(dev.ones((5, 10)))
grads = losses.mse_loss(model(dev.ones((5, 10)).traced()), dev.ones((5, 2))).backward()
opt.update(model, grads)
