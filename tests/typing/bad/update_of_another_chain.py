"""Update of another chain."""

from __future__ import annotations

import dfdx
from dfdx import nn, optim

dev = dfdx.device("cpu")
m = dev.build_module((nn.Linear(5, 2), nn.ReLU()))
n = dev.build_module((nn.Linear(5, 3), nn.ReLU()))
opt = optim.AdamW(n)
opt.update(m, m.alloc_grads())  # BAD: GradientError
