"""Modules that change a shape."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core.checks import shape_error
from ..core.public import Tensor
from .dims import Dim, Known, named, one
from .module import Module

__all__ = ["Flatten2D", "Reshape"]


class Flatten2D(Module):
    """(C, H, W) becomes (C H W), (N, C, H, W) becomes (N, C H W)."""

    def propagate(self, known: Any) -> Known:
        sizes = [one(known)[axis].number for axis in (-3, -2, -1)]
        flat = one(known).moved(-2).dims
        known_sizes = [n for n in sizes if n is not None]
        return Known({**flat, -1: Dim(prod(known_sizes), named(self)) if len(known_sizes) == 3 else Dim()})

    def forward(self, x: Tensor) -> Tensor:
        if x.rank not in (3, 4):
            raise shape_error(
                "Flatten2D", "takes images (C, H, W) or (N, C, H, W)", {"x": x}, {"x": f"x.rank = {x.rank}"}
            )
        return x.reshape((*x.shape[:-3], prod(x.shape[-3:])))


class Reshape(Module):
    """The same elements under another shape, the batch axis included; one dim may be -1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)

    def settings(self) -> str:
        return str(self.shape)

    def propagate(self, known: Any) -> Known:
        n = len(self.shape)
        return Known({i - n: Dim(d, named(self)) if d >= 0 else Dim() for i, d in enumerate(self.shape)})

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(self.shape)
