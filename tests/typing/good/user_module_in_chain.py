"""User module in chain."""

from __future__ import annotations

from typing import Any

import dfdx
from dfdx import D, E, L, S, T, Tensor, nn

dev = dfdx.device("cpu")


class Widen(nn.Module[nn.Features[L[10]], nn.Features[L[32]]]):
    """What goes in and out is declared once, for chains."""

    def __init__(self) -> None:
        self.inner = nn.Linear(10, 32)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


class Swish(nn.Pointwise):
    """x sigmoid(x)."""

    def forward(self, x: Tensor[S, E, D, T]) -> Tensor[S, E, D, T]:
        return x * x.sigmoid()


net = dev.build_module((Widen(), Swish(), nn.Linear(32, 2)))
print(net(dev.zeros((5, 10))).shape)
