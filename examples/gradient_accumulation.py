"""One step on a large batch, computed in small pieces: gradients accumulate until they are zeroed."""

import numpy as np

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu", seed=0)
spec = (nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
whole, pieces = dev.build_module(spec), dev.build_module(spec)
pieces.copy_from(whole)
x, y = dev.sample_normal((64, 8)), dev.sample_normal((64, 1))

# all 64 at once
opt = optim.Sgd(whole, lr=0.1)
opt.update(whole, losses.mse_loss(whole(x.traced(whole.alloc_grads())), y).backward())

# the same in four pieces of 16: each loss is divided by their number
opt, grads = optim.Sgd(pieces, lr=0.1), pieces.alloc_grads()
for i in range(0, 64, 16):
    loss = losses.mse_loss(pieces(x[i : i + 16].traced(grads)), y[i : i + 16]) / 4.0
    print(f"rows {i:2} to {i + 16}: loss {loss.item():.4f}")
    grads = loss.backward()
norm = grads.clip_norm_(10.0)
opt.update(pieces, grads)
pieces.zero_grads(grads)

difference = max(
    float(np.abs(a.tensor.array() - b.tensor.array()).max())
    for a, b in zip(whole.named_tensors(), pieces.named_tensors(), strict=True)
)
print(f"gradient norm {norm:.4f}; largest difference from the whole batch {difference:.1e}")
