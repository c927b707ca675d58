"""Chains that begin with, or are only, modules which keep any shape."""

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((5, 10))
dev.build_module((nn.ReLU(), nn.Dropout(0.5)))(x)
dev.build_module((nn.ReLU(),))(x)
for model in (
    dev.build_module((nn.ReLU(), nn.Linear(10, 3))),
    dev.build_module((nn.ReLU(), nn.Tanh(), nn.Linear(10, 3))),
    dev.build_module(((nn.ReLU(), nn.Tanh()), nn.Linear(10, 3))),
):
    y: dfdx.Tensor[dfdx.Rank2[dfdx.L[5], dfdx.L[3]], dfdx.f32, dfdx.Cpu] = model(x)
