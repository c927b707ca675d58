"""Normalisation of each sample by its own statistics."""

from __future__ import annotations

from typing import Any

from ..core.public import ShapeError, Tensor, layer_norm, normalize, rms_norm
from . import init
from .dims import Known, one
from .linear import per_channel
from .module import Module
from .param import Param

__all__ = ["GroupNorm", "LayerNorm1D", "RMSNorm"]


class RMSNorm(Module):
    """Divides the last axis by its root mean square, then scales by `gamma` (n). Source: arXiv 1910.07467."""

    def __init__(self, n: int, epsilon: float = 1e-5) -> None:
        self.n, self.epsilon = n, epsilon
        self.gamma: Any = Param((n,), init.ones)

    def settings(self) -> str:
        return str(self.n) + (f", epsilon={self.epsilon}" if self.epsilon != 1e-5 else "")

    def propagate(self, known: Any) -> Known:
        return one(known).need(self, "features", last=self.n)

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.gamma, -1, self.epsilon)


class LayerNorm1D(RMSNorm):
    """Normalises the last axis, then scales and shifts. Source: arXiv 1607.06450.

    * `bias`: whether it shifts.

    Parameters: `gamma` (n), ones; `beta` (n), zeros.
    """

    def __init__(self, n: int, epsilon: float = 1e-5, bias: bool = True) -> None:
        super().__init__(n, epsilon)
        self.beta: Any = Param((n,), init.zeros) if bias else None

    def settings(self) -> str:
        return super().settings() + (", bias=False" if self.beta is None else "")

    def forward(self, x: Tensor) -> Tensor:
        if self.beta is None:
            return normalize(x, -1, self.epsilon) * per_channel(self.gamma, x, x.rank - 1)
        return layer_norm(x, self.gamma, self.beta, -1, self.epsilon)


class GroupNorm(Module):
    """Normalises each of `groups` groups of channels of each sample, then scales and shifts per channel.

    Input (N, C, ...) of rank 2 to 5. Parameters: `gamma` (C), ones; `beta` (C), zeros.
    Source: arXiv 1803.08494; PyTorch `nn.GroupNorm`.
    """

    def __init__(self, groups: int, channels: int, epsilon: float = 1e-5) -> None:
        if groups < 1 or channels % groups:
            raise ShapeError(
                f"[GroupNorm] {groups} groups do not divide {channels} channels\n  hint: channels % groups must be 0"
            )
        self.groups, self.channels, self.epsilon = groups, channels, epsilon
        self.gamma: Any = Param((channels,), init.ones)
        self.beta: Any = Param((channels,), init.zeros)

    def settings(self) -> str:
        return f"{self.groups}, {self.channels}" + (f", epsilon={self.epsilon}" if self.epsilon != 1e-5 else "")

    def forward(self, x: Tensor) -> Tensor:
        if not 2 <= x.rank <= 5 or x.shape[1] != self.channels:
            raise ShapeError(
                f"[GroupNorm] takes (N, {self.channels}, ...) of rank 2 to 5, not {x.type_text}\n  hint: the channels are axis 1"
            )
        n, c, *rest = x.shape
        grouped = x.reshape((n, self.groups, c // self.groups, *rest))
        y = normalize(grouped, tuple(range(2, grouped.rank)), self.epsilon).reshape(x.shape)
        return y * per_channel(self.gamma, y, 1) + per_channel(self.beta, y, 1)
