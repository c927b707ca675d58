"""Modules around modules: residuals, and several branches."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ..core.checks import same_shape
from ..core.public import ShapeError, Tensor
from .calling import again
from .dims import Known, parts
from .module import Composite, Module
from .sequential import Sequential, as_module

__all__ = [
    "AddInto", "GeneralizedAdd", "GeneralizedMul", "GeneralizedResidual", "Residual", "ResidualAdd", "ResidualMul", "SplitInto",
]  # fmt: skip


def _add(a: Tensor, b: Tensor) -> Tensor:
    return a + b


def _mul(a: Tensor, b: Tensor) -> Tensor:
    return a * b


class GeneralizedResidual(Composite):
    """f(x) + r(x). Sub-modules: `f`, `r`.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.GeneralizedResidual(nn.Linear(2, 3), nn.Linear(2, 3)))(dev.ones((1, 2))).shape
    (1, 3)
    """

    join = staticmethod(_add)

    def __init__(self, f: Any, r: Any) -> None:
        self.f = as_module(type(self).__name__, f, "f")
        self.r = as_module(type(self).__name__, r, "r")

    def propagate(self, known: Any) -> Any:
        return agreeing(self, [self.f.propagate(known), self.r.propagate(known)], "the branches give one shape")

    def flow(self, call: Any, x: Tensor) -> Tensor:
        a = call(self.f, x)
        return self.join(*_alike(self, a, call(self.r, again(x))))


class GeneralizedMul(GeneralizedResidual):
    """f(x) r(x), elementwise. Sub-modules: `f`, `r`."""

    join = staticmethod(_mul)


class Residual(Composite):
    """f(x) + x. Sub-module: `0`.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.Residual((nn.Linear(2, 2), nn.ReLU())))(dev.ones((1, 2))).shape
    (1, 2)
    """

    join = staticmethod(_add)

    def __init__(self, f: Any) -> None:
        object.__setattr__(self, "0", as_module(type(self).__name__, f, 0))

    @property
    def inner(self) -> Module:
        """f."""
        return self.__dict__["0"]  # type: ignore[no-any-return]

    def propagate(self, known: Any) -> Any:
        return agreeing(self, [self.inner.propagate(known), known], "gives the shape that it takes")

    def flow(self, call: Any, x: Tensor) -> Tensor:
        return self.join(*_alike(self, call(self.inner, x), x))


class ResidualMul(Residual):
    """f(x) x, elementwise. Sub-module: `0`."""

    join = staticmethod(_mul)


ResidualAdd, GeneralizedAdd = Residual, GeneralizedResidual


class _Branches(Composite):
    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], (tuple, list)):
            modules = tuple(modules[0])
        if not modules:
            raise ShapeError(f"[{type(self).__name__}] needs at least one module")
        object.__setattr__(self, "0", Sequential(*modules))

    @property
    def heads(self) -> list[Module]:
        """The modules side by side."""
        return list(self.__dict__["0"])


class SplitInto(_Branches):
    """The same input to each module; the outputs as a tuple. Sub-modules: `0.0`, `0.1`, ...

    Of a traced input the first output gets the tape and the others get empty ones: add their losses, or merge the tapes.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> a, b = dev.build_module(nn.SplitInto(nn.Linear(4, 2), nn.Linear(4, 3)))(dev.ones((4,)))
    >>> a.shape, b.shape
    ((2,), (3,))
    """

    def propagate(self, known: Any) -> Any:
        return tuple([m.propagate(known) for m in self.heads])

    def flow(self, call: Any, x: Tensor) -> tuple[Any, ...]:
        first, *others = self.heads
        spare = [x.with_empty_tape() for _ in others]
        return (call(first, x), *[call(m, s) for m, s in zip(others, spare, strict=True)])


class AddInto(_Branches):
    """One input for each module, given as a tuple or one by one; the sum of the outputs. Sub-modules: `0.0`, `0.1`, ...

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.AddInto(nn.Linear(4, 2), nn.Linear(3, 2)))(dev.ones((4,)), dev.ones((3,))).shape
    (2,)
    """

    def propagate(self, known: Any) -> Any:
        heads = self.heads
        return agreeing(
            self, [m.propagate(k) for m, k in zip(heads, parts(known, len(heads)))], "the branches give one shape"
        )

    def flow(self, call: Any, *inputs: Any) -> Tensor:
        heads, given = self.heads, unpacked(inputs)
        if len(given) != len(heads):
            raise ShapeError(f"[AddInto] takes {len(heads)} inputs, not {len(given)}")
        outs = [call(m, x) for m, x in zip(heads, given, strict=True)]
        return reduce(lambda sum_, out: _add(*_alike(self, out, sum_)), reversed(outs))


def unpacked(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Several inputs, given one by one or as a tuple."""
    return tuple(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], (tuple, list)) else inputs


def agreeing(module: Module, known: list[Any], what: str) -> Any:
    """What is known of branches that must give one shape."""
    plain = [k for k in known if isinstance(k, Known)]
    return reduce(lambda a, b: a.same(module, b, what), plain) if len(plain) == len(known) else Known()


def _alike(module: Module, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    same_shape(type(module).__name__, a, b)
    return a, b
