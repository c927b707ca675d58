"""Activations: elementwise ops as modules. A line each."""

from __future__ import annotations

from typing import Any

from ..core import public as ops
from ..core.public import Tensor
from .module import Module

__all__ = [
    "Abs", "AccurateGeLU", "Cos", "Exp", "FastGeLU", "GeLU", "LeakyReLU", "Ln", "LogSoftmax", "Pointwise", "ReLU", "Sigmoid", "Sin",
    "Softmax", "Sqrt", "Square", "Tanh",
]  # fmt: skip


class Pointwise(Module):
    """A module that keeps shapes."""

    def propagate(self, state: Any) -> Any:
        return state


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
