"""Train loop."""

from __future__ import annotations

from typing import Final

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu")
HIDDEN: Final = 32
model = dev.build_module((nn.Linear(10, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2)))
opt = optim.AdamW(model, lr=1e-3, weight_decay=0.01)
x, y = dev.sample_normal((16, 10)), dev.sample_normal((16, 2))
grads = model.alloc_grads()
value = 0.0
for _ in range(3):
    pred = model(x.traced(grads))
    loss = losses.huber_loss(pred, y)
    value = loss.item()
    grads = loss.backward()
    grads.clip_norm_(1.0)
    opt.update(model, grads)
    model.zero_grads(grads)
opt.lr = 1e-4
print(value)
