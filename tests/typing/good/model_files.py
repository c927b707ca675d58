"""Model files."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor, f64, nn

dev = dfdx.device("cpu")
model = dev.build_module((nn.Linear(3, 2), nn.ReLU()))


def store(path: str) -> None:
    model.save(path)
    model.load(path)


copy = model.clone()
copy.ema(model, 0.9)
copy.copy_from(model)
wide = dev.build_module(nn.Linear(3, 2)).to_dtype(f64)
a: Tensor[Rank2[L[4], L[2]], f64] = wide(dev.zeros((4, 3), f64))
frozen = model.frozen()
model.freeze("0.bias")
model.reset_params()
print(model.summary(input=(None, 3)), frozen, [n.path for n in model.named_tensors()])
