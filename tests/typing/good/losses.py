"""Losses."""

from __future__ import annotations

import dfdx
from dfdx import Gradients, Rank0, Tensor, i64, losses

dev = dfdx.device("cpu")
p = dev.sample_normal((6, 4))
q = dev.full((6, 4), 0.25)
a: Tensor[Rank0] = losses.mse_loss(p, q)
b: Tensor[Rank0] = losses.rmse_loss(p, q)
c: Tensor[Rank0] = losses.mae_loss(p, q)
d: Tensor[Rank0] = losses.huber_loss(p, q, 0.5)
e: Tensor[Rank0] = losses.smooth_l1_loss(p, q)
f: Tensor[Rank0] = losses.binary_cross_entropy_with_logits_loss(p, q)
g: Tensor[Rank0] = losses.cross_entropy_with_logits_loss(p, q, label_smoothing=0.1)
h: Tensor[Rank0] = losses.kl_div_with_logits_loss(p, q)
i: Tensor[Rank0] = losses.cross_entropy_with_indices_loss(p, dev.zeros((6,), i64), ignore_index=3)
t = p.traced(Gradients.leaky())
j: Gradients = (losses.mse_loss(t, q) * 0.5 + losses.mae_loss(t.retaped(), q)).backward()
