"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from ..core.public import Tensor, layer_norm, rms_norm
from . import init
from .linear import chained
from .module import Module, Param

__all__ = ["LayerNorm1D", "RMSNorm"]


class LayerNorm1D(Module):
    """Normalises the last axis, then scales and shifts: `gamma` (n) starts at ones, `beta` (n) at zeros. Source: arXiv 1607.06450."""

    def __init__(self, n: int, epsilon: float = 1e-5) -> None:
        self.n, self.epsilon = n, epsilon
        self.gamma, self.beta = Param((n,), init.ones), Param((n,), init.zeros)

    def settings(self) -> str:
        return str(self.n) + (f", epsilon={self.epsilon}" if self.epsilon != 1e-5 else "")

    def propagate(self, state: Any) -> Any:
        chained(self, state, "features", self.n)
        return ("features", self.n)

    def forward(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.gamma, self.beta, -1, self.epsilon)


class RMSNorm(Module):
    """Divides the last axis by its root mean square, then scales by `gamma` (n). Source: arXiv 1910.07467."""

    def __init__(self, n: int, epsilon: float = 1e-5) -> None:
        self.n, self.epsilon = n, epsilon
        self.gamma = Param((n,), init.ones)

    def settings(self) -> str:
        return str(self.n) + (f", epsilon={self.epsilon}" if self.epsilon != 1e-5 else "")

    def propagate(self, state: Any) -> Any:
        chained(self, state, "features", self.n)
        return ("features", self.n)

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.gamma, -1, self.epsilon)
