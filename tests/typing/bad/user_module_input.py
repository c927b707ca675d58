"""User module input."""

from __future__ import annotations

import dfdx
from dfdx import B, Cpu, Dim, L, Rank2, T, Tensor, f32, nn

dev = dfdx.device("cpu")


class Half(nn.Module):
    def forward(self, x: Tensor[Rank2[Dim[B], L[10]], f32, Cpu, T]) -> Tensor[Rank2[Dim[B], L[5]], f32, Cpu, T]:
        return x @ dev.ones((10, 5))


model = dev.build_module(Half())
model(dev.zeros((3, 9)))  # BAD: ShapeError
