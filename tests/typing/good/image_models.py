"""Image models."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Rank3, Rank4, Tensor, nn

dev = dfdx.device("cpu")
cnn = dev.build_module((nn.Conv2D(1, 4, 3), nn.ReLU(), nn.MaxPool2D(2, 2), nn.Flatten2D(), nn.Linear(4 * 5 * 5, 10)))
x = dev.zeros((2, 1, 12, 12))
a: Tensor[Rank2[L[2], L[10]]] = cnn(x)
body = dev.build_module((nn.Conv2D(3, 8, 3, padding=1), nn.BatchNorm2D(8), nn.ReLU(), nn.Conv2D(8, 16, 3, stride=2)))
b: Tensor[Rank4[L[2], L[16], L[3], L[3]]] = body(dev.zeros((2, 3, 8, 8)))
pool = dev.build_module(nn.AvgPool2D(2, 2))
c: Tensor[Rank3[L[3], L[4], L[4]]] = pool(dev.zeros((3, 8, 8)))
top = dev.build_module((nn.Conv2D(3, 8, 3), nn.MaxPoolGlobal(), nn.Linear(8, 2)))
d: Tensor[Rank2[L[2], L[2]]] = top(dev.zeros((2, 3, 8, 8)))
up = dev.build_module(nn.Upscale2D(16, 12))
e: Tensor[Rank4[L[2], L[3], L[16], L[12]]] = up(dev.zeros((2, 3, 8, 8)))
pair = dev.build_module(nn.Conv2D(3, 8, (3, 5), bias=True))
f = pair(dev.zeros((2, 3, 8, 8)))
trans = dev.build_module(nn.ConvTrans2D(3, 5, 3))
h: Tensor[Rank3[L[5], L[10], L[10]]] = trans(dev.zeros((3, 8, 8)))
print(f.shape, h.shape)
