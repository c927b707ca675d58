"""Tapes."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, Gradients, L, OwnedTape, Rank2, Tensor, f32

dev = dfdx.device("cpu")
a = dev.ones((2, 3))
b = dev.ones((2, 3))
t = a.traced() * b
u = a * b.traced()
g1: Gradients = t.sum().backward()
g2: Gradients = u.mean().backward()
shared = Gradients.leaky()
g3: Gradients = (a.traced(shared) * b + b.traced(shared)).sum().backward()
x: Tensor[Rank2[L[2], L[3]]] = g1.get(a)
y = a.traced()
z, tape = (y + b).split_tape()
g4 = z.put_tape(tape).sum().backward()
w = a.retaped()
v: Tensor[Rank2[L[2], L[3]]] = w.detach()
n: Tensor[Rank2[L[2], L[3]], f32, Cpu, OwnedTape] = w
print(g4.get(a).shape, a in g1, g2.clip_norm_(1.0), g3.all_finite(), v.owns_tape, a.with_empty_tape().owns_tape)
