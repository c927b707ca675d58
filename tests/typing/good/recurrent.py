"""Recurrent."""

from __future__ import annotations

import dfdx
from dfdx import nn

dev = dfdx.device("cpu")
x = dev.zeros((2, 5, 4))
a = dev.build_module(nn.LSTM(4, 8))(x)
b = dev.build_module((nn.GRU(4, 8), nn.Linear(8, 2)))(x)
print(a.shape, b.shape)
