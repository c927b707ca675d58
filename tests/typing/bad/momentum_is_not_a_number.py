"""Momentum is not a number."""

from __future__ import annotations

import dfdx
from dfdx import nn, optim

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(5, 2))
optim.Sgd(model, momentum=0.9)  # BAD: TypeError
