"""Upscale module size."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank3, Tensor, nn

dev = dfdx.device("cpu")
model = dev.build_module(nn.Upscale2D(6, 4))
y: Tensor[Rank3[L[3], L[6], L[6]]] = model(dev.zeros((3, 3, 3)))  # BAD
