"""Train readme."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, f32, losses, nn, optim

dev = dfdx.device("cpu")
Mlp = ((nn.Linear(10, 32), nn.ReLU()), (nn.Linear(32, 32), nn.ReLU()), (nn.Linear(32, 2), nn.Tanh()))
model = dev.build_module(Mlp, f32)
opt = optim.Sgd(model, lr=1e-2, momentum=optim.Nesterov(0.9))
grads = model.alloc_grads()
x, y = dev.sample_normal((64, 10)), dev.sample_normal((64, 2))
loss = losses.mse_loss(model(x.traced(grads)), y)
grads = loss.backward()
opt.update(model, grads)
model.zero_grads(grads)
out: Tensor[Rank2[L[64], L[2]]] = model(x)
print(float(loss), model.num_trainable_params())
