"""Images."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Rank4, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((2, 3, 8, 8))
w = dev.zeros((4, 3, 3, 3))
a: Tensor[Rank4[L[2], L[4], L[6], L[6]]] = x.conv2d(w)
b: Tensor[Rank4[L[2], L[4], L[8], L[8]]] = x.conv2d(w, padding=1)
c: Tensor[Rank4[L[2], L[4], L[4], L[4]]] = x.conv2d(w, stride=2, padding=1)
d: Tensor[Rank3[L[3], L[4], L[4]]] = dev.zeros((3, 8, 8)).pool2d("max", 2, 2)
e: Tensor[Rank4[L[2], L[3], L[16], L[12]]] = x.upscale2d((16, 12))
f: Tensor[Rank4[L[2], L[5], L[10], L[10]]] = x.convtrans2d(dev.zeros((3, 5, 3, 3)))
g: Tensor[Rank3[L[2], L[4], L[6]]] = dev.zeros((2, 3, 8)).conv1d(dev.zeros((4, 3, 3)))
h = x.conv2d(dev.zeros((6, 1, 3, 5)), stride=(1, 2), groups=3)
print(h.shape)
