"""Steps by the squares of former gradients: Adagrad and RMSprop."""

from __future__ import annotations

from typing import Any

from ..core.expr import functions as F
from .optimizer import Optimizer
from .options import L2, Decoupled
from .schedules import Schedule

__all__ = ["Adagrad", "RMSprop"]


class Adagrad(Optimizer):
    """s becomes s + g^2, the step is lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Source: PyTorch `optim.Adagrad`.

    * `lr_decay`: how fast the rate falls; `initial`: what s starts at.
    """

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-2, lr_decay: float = 0.0, initial: float = 0.0, eps: float = 1e-10,
        weight_decay: L2 | Decoupled | None = None, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            model, lr=lr, lr_decay=lr_decay, initial=initial, eps=eps, weight_decay=weight_decay, groups=groups
        )

    def slots(self, options: Any) -> Any:
        return {"sum": options["initial"]}

    def values(self, lr: float, t: int, options: Any) -> tuple[float, ...]:
        return (lr / (1.0 + (t - 1) * options["lr_decay"]),)

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        s = state["sum"] + g * g
        return numbers["lr"] * g / (F.sqrt(s) + options["eps"]), {"sum": s}


class RMSprop(Optimizer):
    """g divided by a running root mean square. Source: dfdx's Rust library, after TensorFlow; PyTorch `optim.RMSprop` differs.

    s becomes alpha s + (1 - alpha) g^2 and starts at 1, whenever a parameter is first updated; the step is lr g / sqrt(s + eps).

    * `momentum`: u makes the step lr m, where m becomes u m + g / sqrt(s + eps).
    * `centered`: use the variance s - a^2 in place of s, a being the running mean of g.
    """

    def __init__(
        self, model: Any, lr: float | Schedule = 1e-2, alpha: float = 0.9, eps: float = 1e-8, momentum: float | None = None,
        centered: bool = False, weight_decay: L2 | Decoupled | None = None, groups: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            model, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=centered, weight_decay=weight_decay, groups=groups
        )  # fmt: skip

    def slots(self, options: Any) -> Any:
        more = {"grad_avg": 0.0} if options["centered"] else {}
        return {"square_avg": 1.0, **more, **({"momentum": 0.0} if options["momentum"] is not None else {})}

    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any:
        rest, lr = 1.0 - options["alpha"], numbers["lr"]
        s = state["square_avg"]
        s = s + rest * (g * g - s)
        new, square = {"square_avg": s}, s
        if options["centered"]:
            a = state["grad_avg"]
            new["grad_avg"] = a = a + rest * (g - a)
            square = s - a * a
        step = g / F.sqrt(square + options["eps"])
        if options["momentum"] is not None:
            step = new["momentum"] = options["momentum"] * state["momentum"] + step
        return lr * step, new
