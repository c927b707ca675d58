"""Adam and those that follow it: AdamW, Lamb, Lion."""

from __future__ import annotations

from typing import Any

from ..core.expr import const, row_sum, select
from ..core.expr import functions as F
from .optimizer import Optimizer
from .options import L2, Decoupled
from .schedules import Schedule

__all__ = ["Adam", "AdamW", "Lamb", "Lion"]


class Adam(Optimizer):
    """Adaptive moments. Source: arXiv 1412.6980; PyTorch `optim.Adam`.

    m becomes b1 m + (1 - b1) g, v becomes b2 v + (1 - b2) g^2, the step is lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    """

    numbers = ("lr", "c1", "c2")

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: L2 | Decoupled | None = None, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(model, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, groups=groups)

    def slots(self, options: Any) -> Any:
        return {"m": 0.0, "v": 0.0}

    def values(self, lr: float, t: int, options: Any) -> tuple[float, ...]:
        b1, b2 = options["betas"]
        return lr, 1.0 / (1.0 - b1**t), 1.0 / (1.0 - b2**t)

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        b1, b2 = options["betas"]
        m = b1 * state["m"] + (1.0 - b1) * g
        v = b2 * state["v"] + (1.0 - b2) * (g * g)
        direction = (numbers["lr"] * (m * numbers["c1"])) / (F.sqrt(v * numbers["c2"]) + options["eps"])
        return direction, {"m": m, "v": v}


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default. Source: arXiv 1711.05101; PyTorch `optim.AdamW`."""

    plain_decay = Decoupled

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: Any = 1e-2, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(model, lr, betas, eps, weight_decay, groups)


class Lamb(AdamW):
    """AdamW whose step is scaled, for each parameter, to the parameter's norm. Source: arXiv 1904.00962.

    With u = (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) + decay p the step is lr |p| / |u| u; the factor is 1 where a norm is 0.
    """

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6,
        weight_decay: Any = 1e-2, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(model, lr, betas, eps, weight_decay, groups)

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        step, new = super().rule(p, g, state, numbers, options)
        return (step if isinstance(options["weight_decay"], Decoupled) else _trusted(step, p, numbers)), new

    def decayed(self, step: Any, p: Any, numbers: Any, decay: float) -> Any:
        return _trusted(super().decayed(step, p, numbers, decay), p, numbers)


def _trusted(step: Any, p: Any, numbers: Any) -> Any:
    """lr |p| / |step| step."""
    weight, length = F.sqrt(row_sum(p * p)), F.sqrt(row_sum(step * step))
    usable = F.and_(weight > 0.0, length > 0.0)
    return step * select(usable, numbers["lr"] * weight / length, const(1.0))


class Lion(Optimizer):
    """The sign of a momentum. Source: arXiv 2302.06675.

    The step is lr sign(b1 m + (1 - b1) g), then m becomes b2 m + (1 - b2) g; a number as `weight_decay` is decoupled.
    """

    plain_decay = Decoupled

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: Any = None,
        groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(model, lr=lr, betas=betas, weight_decay=weight_decay, groups=groups)

    def slots(self, options: Any) -> Any:
        return {"m": 0.0}

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        (b1, b2), m = options["betas"], state["m"]
        return numbers["lr"] * F.sign(b1 * m + (1.0 - b1) * g), {"m": b2 * m + (1.0 - b2) * g}
