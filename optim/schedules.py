"""Learning rates as functions of the number of updates before; any function of an int is one, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

__all__ = ["Constant", "Cosine", "OneCycle", "Schedule", "StepDecay", "WarmUp"]

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """Always `lr`.

    >>> from dfdx import optim
    >>> optim.WarmUp(4, optim.Constant(0.1))(0)
    0.025
    """

    lr: float

    def __call__(self, step: int) -> float:
        return self.lr


@dataclass(frozen=True)
class StepDecay:
    """`lr`, multiplied by `factor` after every `every` steps. Source: PyTorch `StepLR`."""

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive(self, every=self.every)

    def __call__(self, step: int) -> float:
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Cosine:
    """From `lr` down to `final` along half a cosine, in `steps` steps, and there from then on. Source: arXiv 1608.03983.

    >>> from dfdx import optim
    >>> [round(optim.Cosine(1.0, 4)(i), 3) for i in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    lr: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _positive(self, steps=self.steps)

    def __call__(self, step: int) -> float:
        return _between(self.lr, self.final, step / self.steps)


@dataclass(frozen=True)
class WarmUp:
    """Linearly up to the first value of `then` in `steps` steps, the first of which is 1 / steps of it; then `then`.

    * `then`: a schedule, which counts its steps from 0, or a number.
    """

    steps: int
    then: Schedule | float

    def __post_init__(self) -> None:
        _positive(self, steps=self.steps)

    def __call__(self, step: int) -> float:
        then = self.then if callable(self.then) else Constant(self.then)
        return then(0) * (step + 1) / self.steps if step < self.steps else then(step - self.steps)


@dataclass(frozen=True)
class OneCycle:
    """Up to `peak` and down to almost nothing along cosines, in `steps` steps. Source: arXiv 1708.07120; PyTorch `OneCycleLR`.

    * `up`: the part of the steps that goes up; `start`: the first rate is peak / start; `final`: the last one is 1 / final of that.
    """

    peak: float
    steps: int
    up: float = 0.3
    start: float = 25.0
    final: float = 1e4

    def __post_init__(self) -> None:
        _positive(self, steps=self.steps)
        if not 0.0 <= self.up <= 1.0:
            raise ValueError(f"[OneCycle] up is a part of the steps, from 0 to 1, not {self.up}")

    def __call__(self, step: int) -> float:
        top, first = self.up * self.steps - 1.0, self.peak / self.start
        if step <= top:
            return _between(first, self.peak, step / top if top > 0 else 1.0)
        return _between(self.peak, first / self.final, (step - top) / max(self.steps - 1.0 - top, 1e-12))


def _between(a: float, b: float, part: float) -> float:
    """From a to b along half a cosine; `part` is clipped to [0, 1]."""
    return b + (a - b) * (1.0 + cos(pi * min(max(part, 0.0), 1.0))) / 2.0


def _positive(owner: object, **counts: int) -> None:
    for name, n in counts.items():
        if n < 1:
            raise ValueError(f"[{type(owner).__name__}] {name} must be at least 1, got {n}")
