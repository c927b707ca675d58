"""Vectors by number."""

from __future__ import annotations

from typing import Any

from ..core.public import Tensor, gather
from . import init
from .dims import Dim, Known, named, one
from .module import Module
from .param import Param

__all__ = ["Embedding"]


class Embedding(Module):
    """A row of a table for each id: ids (...) of any integer dtype give (..., model). Source: PyTorch `nn.Embedding`.

    * `vocab`: number of rows; an id outside 0..vocab-1 is an `IndexError` (on asynchronous devices it reads zeros).

    Parameters: `weight` (vocab, model), standard normal. Train it by tracing the ids: `model(ids.traced(grads))`.
    """

    def __init__(self, vocab: int, model: int) -> None:
        self.vocab, self.model = vocab, model
        self.weight: Any = Param((vocab, model), init.normal())

    def settings(self) -> str:
        return f"{self.vocab}, {self.model}"

    def propagate(self, known: Any) -> Known:
        return Known({**one(known).moved(1).dims, -1: Dim(self.model, named(self))})

    def forward(self, ids: Tensor) -> Tensor:
        return gather(self.weight, ids)
