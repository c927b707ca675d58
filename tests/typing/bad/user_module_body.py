"""User module body."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, L, Rank2, T, Tensor, f32, nn

dev = dfdx.device("cpu")


class Half(nn.Module):
    def forward(self, x: Tensor[Rank2[L[3], L[10]], f32, Cpu, T]) -> Tensor[Rank2[L[3], L[5]], f32, Cpu, T]:
        return x @ dev.ones((9, 5))  # BAD: ShapeError


dev.build_module(Half())(dev.zeros((3, 10)))
