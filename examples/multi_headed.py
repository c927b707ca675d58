"""A shared trunk with two heads: one value and one choice, trained together."""

from typing import Any

import dfdx
from dfdx import losses, nn, optim


class TwoHeads(nn.Module):
    """(n, 4) to a value (n, 1) and the logits of three classes (n, 3)."""

    def __init__(self) -> None:
        self.trunk: Any = (nn.Linear(4, 32), nn.ReLU())
        self.value: Any = nn.Linear(32, 1)
        self.classes: Any = nn.Linear(32, 3)

    def forward(self, x: Any) -> Any:
        h = self.trunk(x)
        return self.value(h.with_empty_tape()), self.classes(h)  # the tape goes with the last use


dev = dfdx.device("cpu", seed=0)
model = dev.build_module(TwoHeads(), input=(None, 4))
opt, grads = optim.AdamW(model, lr=5e-3), model.alloc_grads()

x = dev.sample_normal((256, 4))
target = x.square().sum(1).reshape((256, 1))
labels = dev.tensor(x[:, :3].array().argmax(1))  # which of the first three is largest
for step in range(301):
    value, logits = model(x.traced(grads))
    regression = losses.mse_loss(value, target)
    choice = losses.cross_entropy_with_indices_loss(logits, labels)
    if step % 100 == 0:
        right = (logits.array().argmax(1) == labels.array()).mean()
        print(f"step {step:3}  value loss {regression.item():7.4f}  class loss {choice.item():.4f}  right {right:.0%}")
    grads = (regression + choice).backward()  # the two tapes merge
    opt.update(model, grads)
    model.zero_grads(grads)
