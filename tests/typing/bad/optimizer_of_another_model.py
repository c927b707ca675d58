"""Optimizer of another model (row 106 of the reference)."""

from __future__ import annotations

import dfdx
from dfdx import nn, optim

dev = dfdx.device("cpu")
m = dev.build_module(nn.Linear(5, 2))
n = dev.build_module(nn.Linear(5, 3))
opt = optim.Sgd(n)
grads = m.alloc_grads()
opt.update(m, grads)  # BAD: GradientError
