"""A module of your own: parameters and sub-modules in __init__, the computation in forward."""

from typing import Any

import dfdx
from dfdx import nn


class Scale(nn.Module):
    """x times a learned number per feature."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.scale: Any = nn.Param((n,), nn.init.ones)

    def forward(self, x: Any) -> Any:
        return x * self.scale.broadcast_like(x, axes=tuple(range(x.rank - 1)))


class Block(nn.Module):
    """Two linear layers around a nonlinearity, and a way past them."""

    def __init__(self, n: int, hidden: int) -> None:
        self.inner: Any = (nn.Linear(n, hidden), nn.Tanh(), nn.Linear(hidden, n))  # a tuple becomes a sequential module
        self.scale: Any = Scale(n)

    def forward(self, x: Any) -> Any:
        return self.scale(self.inner(x.with_empty_tape())) + x


dev = dfdx.device("cpu")
model = dev.build_module((nn.Linear(3, 8), Block(8, 16), nn.Linear(8, 1)), input=(None, 3))
print(model)

x = dev.sample_normal((5, 3))
grads = model(x.traced(model.alloc_grads())).square().mean().backward()
for named in model.named_tensors():
    print(f"{named.path:22} {named.tensor.type_text:12} gradient norm {grads.get(named.tensor).norm().item():.4f}")
