"""Convert."""

from __future__ import annotations

import numpy as np

import dfdx
from dfdx import Cpu, L, Rank2, Tensor, bf16, f32, f64

dev = dfdx.device("cpu")
a = dev.zeros((2, 3))
b: Tensor[Rank2[L[2], L[3]], f64] = a.to_dtype(f64)
c: Tensor[Rank2[L[2], L[3]], bf16] = b.to_dtype(bf16)
d: Tensor[Rank2[L[2], L[3]], bf16, Cpu] = c.to_device(dev)
e: Tensor[Rank2[L[2], L[3]], f32] = d.to_dtype(f32)
f = a.array()
g = np.asarray(a)
h = dfdx.from_dlpack(np.ones((2, 3), np.float32))
print(f.shape, g.shape, h.shape, a.tolist(), float(a.sum()), a.sum().item(), e.dtype.name)
