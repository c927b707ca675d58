"""Linear layers and biases over the last axis."""

from __future__ import annotations

from typing import Any

from ..core.public import ShapeError, Tensor, linear
from . import init
from .module import Module, Param

__all__ = ["Bias1D", "Linear", "MatMul", "UnbiasedLinear"]


def chained(module: Module, state: Any, kind: str, wanted: int) -> None:
    """Raise where the module before gives another number of features or channels."""
    if state is not None and state[0] == kind and state[1] != wanted:
        where = f"{module._path}: " if module._path else ""
        raise ShapeError(
            f"{where}{type(module).__name__}({module.settings()}): [build_module] takes {wanted} {kind}, but the module before it gives {state[1]}\n"
            f"  hint: make the two numbers equal"
        )


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
        self.weight = Param((out, inp), init.uniform(bound))
        self.bias: Any = Param((out,), init.uniform(bound)) if bias else None

    def settings(self) -> str:
        return f"{self.inp}, {self.out}" + (", bias=False" if self.bias is None else "")

    def propagate(self, state: Any) -> Any:
        chained(self, state, "features", self.inp)
        return ("features", self.out)

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

    def __init__(self, n: int) -> None:
        self.n = n
        self.bias: Any = Param((n,), init.zeros)

    def settings(self) -> str:
        return str(self.n)

    def propagate(self, state: Any) -> Any:
        chained(self, state, "features", self.n)
        return ("features", self.n)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.broadcast_like(x, tuple(range(x.rank - 1)))
