"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from ..core.expr import functions as F
from .optimizer import L2, Decoupled, Optimizer, Schedule

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adaptive moments. Source: arXiv 1412.6980; PyTorch `optim.Adam`.

    m becomes b1 m + (1 - b1) g, v becomes b2 v + (1 - b2) g^2, the step is lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    """

    slots = ("m", "v")
    n_numbers = 3

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: L2 | Decoupled | None = None, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(model, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, groups=groups)

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        (b1, b2), (lr, c1, c2) = options["betas"], numbers
        m = b1 * state[0] + (1.0 - b1) * g
        v = b2 * state[1] + (1.0 - b2) * (g * g)
        return lr * (m * c1) / (F.sqrt(v * c2) + options["eps"]), (m, v)

    def numbers(self, lr: float, t: int, options: Any) -> tuple[float, ...]:
        b1, b2 = options["betas"]
        return lr, 1.0 / (1.0 - b1**t), 1.0 / (1.0 - b2**t)


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default. Source: arXiv 1711.05101."""

    def __init__(
        self,
        model: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        groups: Any = None,
    ) -> None:
        super().__init__(model, lr, betas, eps, Decoupled(weight_decay), groups)
