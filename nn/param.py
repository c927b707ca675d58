"""Parameters: what they are to be, and what they are called once they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.checks import check_shape
from ..core.public import Tensor
from .init import Init, zeros

__all__ = ["Named", "Param", "changes"]

changes = [0]  # counts changes of structure anywhere: what modules remember of theirs is then looked up anew


class Param:
    """A parameter to be: shape, initial values (see `nn.init`), and whether optimizers train it."""

    def __init__(self, shape: tuple[int, ...], init: Init = zeros, trainable: bool = True) -> None:
        self.shape, self.trainable = check_shape("Param", shape), trainable
        self.init: Any = init  # of the stubs' tensors and devices; here they are what runs

    def __repr__(self) -> str:
        return f"Param({self.shape})"


class Named(NamedTuple):
    """A tensor of a built module under its dotted path."""

    path: str
    tensor: Tensor
    param: Param
    trainable: bool
