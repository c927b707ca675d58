"""Backward of untraced loss."""

from __future__ import annotations

import dfdx
from dfdx import losses, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Linear(3, 2))
loss = losses.mse_loss(model(dev.zeros((5, 3))), dev.zeros((5, 2)))
loss.backward()  # BAD: NoTapeError
