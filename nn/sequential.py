"""Modules one after the other: what a tuple becomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .module import Module, run

__all__ = ["Sequential"]


class Sequential(Module):
    """The output of each module is the input of the next; `()` is the identity. A tuple of modules means this.

    >>> import dfdx
    >>> from dfdx import nn
    >>> model = dfdx.device("cpu").build_module((nn.Linear(4, 8), nn.ReLU(), (nn.Linear(8, 2),)))
    >>> model[2][0].weight.shape
    (2, 8)
    """

    def __init__(self, *modules: Any) -> None:
        for i, m in enumerate(modules):
            if isinstance(m, (tuple, list)):
                m = Sequential(*m)
            if not isinstance(m, Module):
                raise TypeError(f"[Sequential] element {i} is {type(m).__name__}, not a module")
            object.__setattr__(self, str(i), m)

    def __getitem__(self, i: int) -> Module:
        modules = [m for _, m in self.children()]
        return modules[i]

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (m for _, m in self.children())

    def propagate(self, state: Any) -> Any:
        for _, m in self.children():
            state = m.propagate(state)
        return state

    def forward(self, *inputs: Any) -> Any:
        return self._through(inputs, False)

    def forward_mut(self, *inputs: Any) -> Any:
        return self._through(inputs, True)

    def _through(self, inputs: tuple[Any, ...], mut: bool) -> Any:
        for name, m in self.__dict__.items():
            if name[0] != "_":
                inputs = (run(m, mut, *inputs),)
        return inputs[0] if len(inputs) == 1 else inputs
