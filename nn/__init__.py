"""Modules: specifications that `dev.build_module` turns into models."""

from . import init, losses
from .activations import (
    Abs,
    AccurateGeLU,
    Cos,
    Exp,
    FastGeLU,
    GeLU,
    LeakyReLU,
    Ln,
    LogSoftmax,
    Pointwise,
    ReLU,
    Sigmoid,
    Sin,
    Softmax,
    Sqrt,
    Square,
    Tanh,
)  # fmt: skip
from .build import build
from .dropout import Dropout, DropoutOneIn
from .linear import Bias1D, Linear, MatMul, UnbiasedLinear
from .module import Module, Param
from .norm import LayerNorm1D, RMSNorm
from .sequential import Sequential

__all__ = [
    "Abs", "AccurateGeLU", "Bias1D", "Cos", "Dropout", "DropoutOneIn", "Exp", "FastGeLU", "GeLU", "LayerNorm1D", "LeakyReLU", "Linear",
    "Ln", "LogSoftmax", "MatMul", "Module", "Param", "Pointwise", "RMSNorm", "ReLU", "Sequential", "Sigmoid", "Sin", "Softmax", "Sqrt",
    "Square", "Tanh", "UnbiasedLinear", "build", "init", "losses",
]  # fmt: skip
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "dfdx.nn"
