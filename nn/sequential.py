"""Modules one after the other: what a tuple becomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.public import ShapeError, Tensor
from .calling import _watchers, locate
from .module import Composite, Module
from .param import changes

__all__ = ["Repeated", "Sequential"]


class Sequential(Composite):
    """The output of each module is the input of the next; `()` is the identity. A tuple of modules means this.

    >>> import dfdx
    >>> from dfdx import nn
    >>> model = dfdx.device("cpu").build_module((nn.Linear(4, 8), nn.ReLU(), (nn.Linear(8, 2),)))
    >>> model[2][0].weight.shape
    (2, 8)
    """

    def __init__(self, *modules: Any) -> None:
        for i, m in enumerate(modules):
            object.__setattr__(self, str(i), as_module("Sequential", m, i))

    def __getitem__(self, i: int) -> Module:
        modules = [m for _, m in self.children()]
        return modules[i]

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (m for _, m in self.children())

    def propagate(self, known: Any) -> Any:
        for _, m in self.children():
            known = m.propagate(known)
        return known

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """As every module; one tensor through a plain sequence goes straight to its flat list."""
        if type(self) is not Sequential or len(inputs) != 1 or named or _watchers or self._device is None:
            return super().__call__(*inputs, **named)
        (x,) = inputs
        if type(x) is not Tensor:
            return super().__call__(x)
        return self._run(self._flat(x._tape is not None and not self._inferring), x)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self._through(False, *inputs, **named)

    def forward_mut(self, *inputs: Any, **named: Any) -> Any:
        return self._through(True, *inputs, **named)

    def _through(self, mut: bool, *inputs: Any, **named: Any) -> Any:
        """Run the modules one after the other: as a flat list where nobody watches and one value flows."""
        if len(inputs) != 1 or named or _watchers or type(self).flow is not Sequential.flow:
            return super().forward_mut(*inputs, **named) if mut else super().forward(*inputs, **named)
        return self._run(self._flat(mut), inputs[0])

    @staticmethod
    def _run(steps: list[tuple[Module, Any]], x: Any) -> Any:
        for m, forward in steps:
            try:
                x = forward(x)
            except ShapeError as e:
                locate(m, e)
                raise
        return x

    def _flat(self, mut: bool) -> list[tuple[Module, Any]]:
        """(module, how it is run) of all modules, nested sequential ones resolved; looked up anew when a structure changed."""
        known: Any = self.__dict__.get("_steps")
        if known is None or known[0] != changes[0]:
            known = self.__dict__["_steps"] = (changes[0], {})
        found: list[tuple[Module, Any]] | None = known[1].get(mut)
        if found is None:
            found = []
            known[1][mut] = found
            for _, m in self.children():
                training = mut and not m._inferring
                if isinstance(m, Sequential) and type(m).flow is Sequential.flow:
                    found += m._flat(training)
                else:
                    same = type(m).forward_mut is Module.forward_mut  # it only calls forward
                    found.append((m, m.forward_mut if training and not same else m.forward))
        return found

    def flow(self, call: Any, *inputs: Any) -> Any:
        for name, m in self.__dict__.items():
            if name[0] != "_":
                inputs = (call(m, *inputs),)
        return inputs[0] if len(inputs) == 1 else inputs


class Repeated(Sequential):
    """`n` modules of one specification, one after the other, each with its own parameters.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dfdx.device("cpu").build_module(nn.Repeated((nn.Linear(4, 4), nn.ReLU()), 3)).num_trainable_params()
    60
    """

    def __init__(self, module: Any, n: int) -> None:
        if not isinstance(n, int) or n < 0:
            raise ValueError(f"[Repeated] takes a number of copies, not {n!r}")
        super().__init__(*[module] * n)

    def settings(self) -> str:
        return str(len(self))


def as_module(owner: str, value: Any, place: Any = "") -> Module:
    """A module, or the sequential one that a tuple means."""
    if isinstance(value, (tuple, list)):
        return Sequential(*value)
    if not isinstance(value, Module):
        a_class = isinstance(value, type) and issubclass(value, Module)
        hint = f"\n  hint: pass an instance, {value.__name__}(...)" if a_class else ""
        raise TypeError(
            f"[{owner}] element {place} is {getattr(value, '__name__', type(value).__name__)}, not a module{hint}"
        )
    return value
