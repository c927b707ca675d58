"""Update with the loss."""

from __future__ import annotations

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(3, 2))
opt = optim.Adam(model)
loss = losses.mse_loss(model(dev.zeros((5, 3)).traced()), dev.zeros((5, 2)))
opt.update(model, loss)  # BAD: GradientError
