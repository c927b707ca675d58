"""Long chains."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, nn

dev = dfdx.device("cpu")
layers = [nn.Linear(4, 4) for _ in range(12)]
a = dev.build_module(layers)
b = dev.build_module(nn.Repeated(nn.Linear(4, 4), 3))
c: Tensor[Rank2[L[2], L[4]]] = b(dev.zeros((2, 4)))
deep = dev.build_module((nn.Linear(4, 4), (nn.ReLU(), (nn.Linear(4, 3), nn.ReLU()))))
ten = dev.build_module(
    (
        nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4),
        nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(),
    )
)  # fmt: skip
x = dev.zeros((2, 4))
print(a(x).shape, deep(x).shape, ten(x).shape)
