"""Normalisation."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, L, OwnedTape, Rank1, Rank2, Rank4, Tensor, f32, nn

dev = dfdx.device("cpu")
x = dev.sample_normal((4, 6))
a: Tensor[Rank2[L[4], L[6]]] = dev.build_module(nn.LayerNorm1D(6))(x)
b: Tensor[Rank2[L[4], L[6]]] = dev.build_module(nn.RMSNorm(6))(x)
c: Tensor[Rank2[L[4], L[6]]] = dev.build_module(nn.BatchNorm1D(6))(x)
d: Tensor[Rank4[L[2], L[6], L[3], L[3]]] = dev.build_module(nn.BatchNorm2D(6))(dev.zeros((2, 6, 3, 3)))
e: Tensor[Rank4[L[2], L[6], L[3], L[3]]] = dev.build_module(nn.GroupNorm(2, 6))(dev.zeros((2, 6, 3, 3)))
norm = dev.build_module(nn.BatchNorm1D(6))
f: Tensor[Rank2[L[4], L[6]], f32, Cpu, OwnedTape] = norm.forward_mut(x.traced())
g: Tensor[Rank1[L[6]]] = norm.running_mean
h = dev.build_module((nn.Linear(6, 3), nn.BatchNorm1D(3), nn.ReLU()))(x)
k: Tensor[Rank2[L[4], L[3]]] = h
