"""What an editor shows of typical values; behind `#` what that means, where all checkers say the same."""

from typing import reveal_type

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu")
x = dev.zeros((64, 10))
model = dev.build_module((nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)))
grads = model.alloc_grads()
y = model(x.traced(grads))
loss = losses.mse_loss(y, dev.zeros((64, 2)))
reveal_type(dev)  # Cpu
reveal_type(x)  # Tensor[Rank2[L[64], L[10]], f32, Cpu, NoTape]
reveal_type(x @ dev.zeros((10, 3)))  # Tensor[Rank2[L[64], L[3]], f32, Cpu, NoTape]
reveal_type(x.sum(0))  # Tensor[Rank1[L[10]], f32, Cpu, NoTape]
reveal_type(x > 0.5)  # Tensor[Rank2[L[64], L[10]], bool_, Cpu, NoTape]
reveal_type(model)
reveal_type(y)  # Tensor[Rank2[L[64], L[2]], f32, Cpu, OwnedTape]
reveal_type(loss)  # Tensor[Rank0, f32, Cpu, OwnedTape]
reveal_type(loss.backward())  # Gradients
reveal_type(nn.Linear(10, 32))
reveal_type(optim.Adam(model))
