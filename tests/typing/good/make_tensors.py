"""Make tensors."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, L, Rank0, Rank1, Rank2, Rank3, Rank4, Rank5, Rank6, Tensor, f32, f64, i64

dev = dfdx.device("cpu")
a: Tensor[Rank0] = dev.zeros(())
b: Tensor[Rank1[L[5]]] = dev.ones((5,))
c: Tensor[Rank2[L[2], L[3]], f32, Cpu] = dev.full((2, 3), 0.5)
d: Tensor[Rank3[L[2], L[3], L[4]], f64] = dev.zeros((2, 3, 4), f64)
e: Tensor[Rank4[L[2], L[3], L[4], L[5]]] = dev.sample_normal((2, 3, 4, 5))
f: Tensor[Rank5[L[2], L[3], L[4], L[5], L[6]]] = dev.sample_uniform((2, 3, 4, 5, 6))
g: Tensor[Rank6[L[2], L[3], L[4], L[1], L[1], L[2]]] = dev.ones((2, 3, 4, 1, 1, 2))
h: Tensor[Rank1[L[7]], i64] = dev.arange(7)
i: Tensor[Rank2[L[3], L[3]]] = dev.eye(3)
j: Tensor[Rank2[L[3], L[4]]] = dev.eye(3, 4)
k: Tensor[Rank1[L[9]]] = dev.linspace(0.0, 1.0, 9)
m: Tensor[Rank2[L[3], L[3]]] = dev.upper_tri((3, 3))
n: Tensor[Rank2[L[2], L[3]]] = dev.zeros_like(c)
o: Tensor[Rank2[L[2], L[3]]] = dev.sample_normal_like(c)
