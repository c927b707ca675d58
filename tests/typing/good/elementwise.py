"""Elementwise."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
a = dev.ones((2, 3))
b = dev.full((2, 3), 2.0)
c: Tensor[Rank2[L[2], L[3]]] = (a + b * 2.0 - b) / (a + 1.0)
d: Tensor[Rank2[L[2], L[3]]] = 1.0 - a.exp().ln() + 2.0 * b.sqrt().recip()
e: Tensor[Rank2[L[2], L[3]]] = -a.relu().tanh().sigmoid().square().clamp(0.0, 1.0)
f: Tensor[Rank2[L[2], L[3]]] = a.maximum(b).minimum(b).powf(2.0) ** 2 + 2.0**a
g: Tensor[Rank2[L[2], L[3]]] = dfdx.gelu(abs(a)).leaky_relu(0.1).nans_to(0.0)
h: Tensor[Rank2[L[2], L[3]]] = a.huber_error(b, 1.0).bce_with_logits(b).prelu(0.1)
i: Tensor[Rank2[L[2], L[3]]] = dfdx.add(a, b).sub(1.0).mul(b).div(b)
