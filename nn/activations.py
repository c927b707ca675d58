"""Activations: elementwise ops as modules. A line each."""

from __future__ import annotations

from typing import Any

from ..core import public as ops
from ..core.public import ShapeError, Tensor
from . import init
from .linear import per_channel
from .module import Module
from .param import Param

__all__ = [
    "Abs", "AccurateGeLU", "Cos", "Exp", "FastGeLU", "GeLU", "LeakyReLU", "Ln", "LogSoftmax", "PReLU", "PReLU1D", "Pointwise", "ReLU", "Sigmoid", "Sin",
    "Softmax", "Sqrt", "Square", "Tanh",
]  # fmt: skip


class Pointwise(Module):
    """A module that keeps shapes."""

    def propagate(self, known: Any) -> Any:
        return known


def _activation(name: str, op: str) -> type[Pointwise]:
    function = getattr(ops, op)

    def forward(self: Any, x: Tensor) -> Tensor:
        return function(x)

    doc = f"The op `{op}` as a module: {function.__doc__.splitlines()[0]}"
    return type(name, (Pointwise,), {"forward": forward, "__doc__": doc, "__module__": "dfdx.nn"})


ReLU = _activation("ReLU", "relu")
FastGeLU = _activation("FastGeLU", "fast_gelu")
AccurateGeLU = _activation("AccurateGeLU", "accurate_gelu")
GeLU = AccurateGeLU
Sigmoid = _activation("Sigmoid", "sigmoid")
Tanh = _activation("Tanh", "tanh")
Sin = _activation("Sin", "sin")
Cos = _activation("Cos", "cos")
Ln = _activation("Ln", "ln")
Exp = _activation("Exp", "exp")
Square = _activation("Square", "square")
Sqrt = _activation("Sqrt", "sqrt")
Abs = _activation("Abs", "abs")


class Softmax(Pointwise):
    """Softmax along an axis, the last by default."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def settings(self) -> str:
        return "" if self.axis == -1 else f"axis={self.axis}"

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.axis)


class LogSoftmax(Softmax):
    """ln of softmax along an axis, the last by default."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, self.axis)


class LeakyReLU(Pointwise):
    """x where x >= 0, else a x."""

    def __init__(self, a: float = 0.05) -> None:
        self.a = a

    def settings(self) -> str:
        return f"{self.a}"

    def forward(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.a)


class PReLU(Pointwise):
    """x where x >= 0, else a x, for one learned `a` (), which starts at 0.25. Source: arXiv 1502.01852."""

    def __init__(self, a: float = 0.25) -> None:
        self.start = a
        self.a: Any = Param((), init.constant(a))

    def settings(self) -> str:
        return "" if self.start == 0.25 else f"{self.start}"

    def forward(self, x: Tensor) -> Tensor:
        return ops.prelu(x, self.a.broadcast_like(x))


class PReLU1D(Pointwise):
    """PReLU with an `a` per channel: (C), or axis 1 of (N, C, ...). `a` (C) starts at 0.25."""

    def __init__(self, channels: int, a: float = 0.25) -> None:
        self.channels, self.start = channels, a
        self.a: Any = Param((channels,), init.constant(a))

    def settings(self) -> str:
        return f"{self.channels}" + ("" if self.start == 0.25 else f", {self.start}")

    def forward(self, x: Tensor) -> Tensor:
        axis = min(x.rank - 1, 1)
        if not x.rank or x.shape[axis] != self.channels:
            raise ShapeError(f"[PReLU1D] takes (C) or (N, C, ...) with C = {self.channels}, not {x.type_text}")
        return ops.prelu(x, per_channel(self.a, x, axis))
