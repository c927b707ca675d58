"""Linear layers, and biases."""

from __future__ import annotations

from typing import Any

from ..core.public import Tensor, linear
from . import init
from .dims import Known, one
from .module import Module
from .param import Param

__all__ = ["Bias1D", "Bias2D", "Linear", "MatMul", "UnbiasedLinear"]


class Linear(Module):
    """x W^T + b over the last axis.

    * `inp`, `out`: features in and out.
    * `bias`: whether there is a b.

    Parameters: `weight` (out, inp), `bias` (out), both uniform in ±1/sqrt(inp). Input (..., inp), output (..., out).
    Source: PyTorch `nn.Linear`.
    """

    def __init__(self, inp: int, out: int, bias: bool = True) -> None:
        self.inp, self.out = inp, out
        bound = inp**-0.5 if inp else 0.0
        self.weight: Any = Param((out, inp), init.uniform(bound))
        self.bias: Any = Param((out,), init.uniform(bound)) if bias else None

    def settings(self) -> str:
        return f"{self.inp}, {self.out}" + (", bias=False" if self.bias is None else "")

    def propagate(self, known: Any) -> Known:
        return one(known).need(self, "features", last=self.inp).give(self, last=self.out)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class UnbiasedLinear(Linear):
    """x W^T over the last axis; `Linear` without a bias."""

    def __init__(self, inp: int, out: int) -> None:
        super().__init__(inp, out, bias=False)

    def settings(self) -> str:
        return f"{self.inp}, {self.out}"


MatMul = UnbiasedLinear


class Bias1D(Module):
    """x + b over the last axis; `bias` (n) starts at zeros."""

    axis, what = "last", "features"
    after = 0  # axes behind the one that the bias is for

    def __init__(self, n: int) -> None:
        self.n = n
        self.bias: Any = Param((n,), init.zeros)

    def settings(self) -> str:
        return str(self.n)

    def propagate(self, known: Any) -> Known:
        return one(known).need(self, self.what, **{self.axis: self.n})

    def forward(self, x: Tensor) -> Tensor:
        return x + per_channel(self.bias, x, x.rank - 1 - self.after)


class Bias2D(Bias1D):
    """x + b over the channels of images (C, H, W) or (N, C, H, W); `bias` (C) starts at zeros."""

    axis, what, after = "c", "channels", 2


def per_channel(values: Tensor, x: Tensor, axis: int) -> Tensor:
    """One value per index of `axis`, repeated along all other axes of x."""
    return values.broadcast_like(x, tuple([i for i in range(x.rank) if i != axis]))
