"""Training: losses, optimizers, and what goes wrong safely."""

import dfdx
from dfdx import losses, nn, optim

dev = dfdx.device("cpu", seed=0)
x = dev.linspace(-3.0, 3.0, 256).reshape((256, 1))
y = x.sin()

model = dev.build_module((nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1)))
opt = optim.Adam(model, lr=1e-2)
grads = model.alloc_grads()
for step in range(501):
    loss = losses.mse_loss(model(x.traced(grads)), y)
    if step % 100 == 0:
        print(f"step {step:3}  loss {loss.item():.5f}")
    grads = loss.backward()  # consumes the tape
    opt.update(model, grads)
    model.zero_grads(grads)
print("sin(1) is about", round(model(dev.tensor([[1.0]])).item(), 3))

# a parameter without a gradient is an error before anything is updated
try:
    opt.update(model, model.alloc_grads())
except dfdx.UnusedParamsError as e:
    print("\n" + str(e))

# so is a loss without a tape
try:
    losses.mse_loss(model(x), y).backward()  # type: ignore  # wrong on purpose: a type checker says so, too
except dfdx.NoTapeError as e:
    print("\n" + str(e))
