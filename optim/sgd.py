"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, NamedTuple

from .optimizer import Optimizer
from .options import L2, Decoupled
from .schedules import Schedule

__all__ = ["Classic", "Nesterov", "Sgd"]


class Classic(NamedTuple):
    """Momentum: v becomes g + u v, the step is lr v."""

    u: float


class Nesterov(NamedTuple):
    """Nesterov momentum: v becomes g + u v, the step is lr (g + u v)."""

    u: float


class Sgd(Optimizer):
    """p becomes p - lr g, with optional momentum. Source: PyTorch `optim.SGD`.

    * `momentum`: None, `Classic(u)` or `Nesterov(u)`; `weight_decay`: None, `L2(d)` or `Decoupled(d)`.
    """

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-2, momentum: Classic | Nesterov | None = None,
        weight_decay: L2 | Decoupled | None = None, groups: Any = None,
    ) -> None:  # fmt: skip
        if momentum is not None and not isinstance(momentum, (Classic, Nesterov)):
            raise TypeError(f"[Sgd] momentum is optim.Classic(u) or optim.Nesterov(u), not {momentum!r}")
        super().__init__(model, lr=lr, momentum=momentum, weight_decay=weight_decay, groups=groups)

    def slots(self, options: Any) -> Any:
        return {"velocity": 0.0} if options["momentum"] is not None else {}

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        momentum, lr = options["momentum"], numbers["lr"]
        if momentum is None:
            return lr * g, {}
        v = g + momentum.u * state["velocity"]
        return lr * (v if isinstance(momentum, Classic) else g + momentum.u * v), {"velocity": v}
