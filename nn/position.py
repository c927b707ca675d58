"""Positional encodings: where in the sequence a vector stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.checks import shape_error
from ..core.public import Device, Tensor
from . import init
from .dims import Known, one
from .module import Module
from .param import Param

__all__ = ["LearnedPositionalEncoding", "PositionalEncoding"]


class LearnedPositionalEncoding(Module):
    """x plus a learned vector for each position.

    * `length`: longest sequence; `model`: features.

    Input (..., S, model) with S <= length. Parameters: `weight` (length, model), normal with standard deviation 0.02.
    """

    trainable = True

    def __init__(self, length: int, model: int) -> None:
        self.length, self.model = length, model
        self.weight: Any = Param((length, model), self.start(), self.trainable)

    def start(self) -> init.Init:
        """Initial values."""
        return init.normal(0.0, 0.02)

    def settings(self) -> str:
        return f"{self.length}, {self.model}"

    def propagate(self, known: Any) -> Known:
        return one(known).need(self, "features", last=self.model)

    def forward(self, x: Tensor) -> Tensor:
        name = type(self).__name__
        if x.rank < 2 or x.shape[-1] != self.model:
            raise shape_error(name, f"takes (..., S, {self.model})", {"x": x}, {"x": f"x.shape = {list(x.shape)}"})
        s = x.shape[-2]
        if s > self.length:
            raise shape_error(name, f"the sequence is longer than {self.length}", {"x": x}, {"x": f"x.shape[-2] = {s}"})
        table = self.weight if s == self.length else self.weight[:s]
        return x + table.broadcast_like(x, tuple(range(x.rank - 2)))


class PositionalEncoding(LearnedPositionalEncoding):
    """x plus sines and cosines of the position: feature 2i is sin(p / 10000^(2i / model)), feature 2i + 1 its cosine.

    Not trained: `weight` (length, model). Source: arXiv 1706.03762, section 3.5.
    """

    trainable = False

    def start(self) -> Any:
        return _sines


def _sines(device: Device, shape: tuple[int, ...], dtype: Any) -> Tensor:
    length, model = shape
    i = np.arange(model)
    angle = np.arange(length)[:, None] / 10000.0 ** ((i - i % 2) / max(model, 1))
    return device.tensor(np.where(i % 2, np.cos(angle), np.sin(angle)), dtype)
