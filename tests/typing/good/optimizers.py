"""Optimizers."""

from __future__ import annotations

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu")
model = dev.build_module((nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))


def schedule(step: int) -> float:
    return 0.1 / (1 + step)


options = (
    optim.Sgd(model),
    optim.Sgd(model, lr=schedule, momentum=optim.Classic(0.9), weight_decay=optim.L2(1e-4)),
    optim.Adam(model, betas=(0.9, 0.99), weight_decay=optim.Decoupled(1e-2)),
    optim.AdamW(model, groups={"0": {"lr": 1e-4}}),
)
grads = losses.mse_loss(model(dev.ones((5, 4)).traced()), dev.ones((5, 2))).backward()
for opt in options:
    opt.update(model, grads)
print([o.lr for o in options])
