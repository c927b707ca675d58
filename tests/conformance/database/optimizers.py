"""Optimizers under the settings that change what they compute."""

from __future__ import annotations

from typing import Any

from ... import optim
from .. import reference as R
from ..info import OptimizerInfo, add


def sgd(lr: float, u: float = 0.0, nesterov: bool = False, l2: float = 0.0, decoupled: float = 0.0) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        g = g + l2 * p if l2 else g
        moved = g
        if u:
            v = g + u * state[0]
            moved, state = (g + u * v if nesterov else v), (v,)
        change = lr * moved + (lr * decoupled) * p if decoupled else lr * moved
        return p - change, state

    return step


def adam(
    lr: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, l2: float = 0.0, decoupled: float = 0.0
) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        g = g + l2 * p if l2 else g
        m = b1 * state[0] + (1.0 - b1) * g
        v = b2 * state[1] + (1.0 - b2) * (g * g)
        change = lr * (m * (1.0 / (1.0 - b1**t))) / (R.sqrt(v * (1.0 / (1.0 - b2**t))) + eps)
        change = change + (lr * decoupled) * p if decoupled else change
        return p - change, (m, v)

    return step


def adagrad(lr: float, lr_decay: float = 0.0, initial: float = 0.0, eps: float = 1e-10, l2: float = 0.0) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        g = g + l2 * p if l2 else g
        s = (state[0] + initial if t == 1 and initial else state[0]) + g * g
        return p - (lr / (1.0 + (t - 1) * lr_decay)) * g / (R.sqrt(s) + eps), (s,)

    return step


def rmsprop(lr: float, alpha: float = 0.9, eps: float = 1e-8, u: float = 0.0, centered: bool = False) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        s, *rest = state
        s = s + 1.0 if t == 1 else s
        s = s + (1.0 - alpha) * (g * g - s)
        new, square = [s], s
        if centered:
            a = rest.pop(0)
            a = a + (1.0 - alpha) * (g - a)
            new, square = [s, a], s - a * a
        change = g / R.sqrt(square + eps)
        if u:
            change = u * rest[0] + change
            new.append(change)
        return p - lr * change, tuple(new)

    return step


def lion(lr: float, b1: float = 0.9, b2: float = 0.99, decoupled: float = 0.0) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        (m,) = state
        direction = b1 * m + (1.0 - b1) * g
        change = lr * R.where(direction.v > 0.0, 1.0, -1.0)
        change = change + (lr * decoupled) * p if decoupled else change
        return p - change, (b2 * m + (1.0 - b2) * g,)

    return step


def lamb(lr: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-6, decoupled: float = 0.0) -> Any:
    def step(p: Any, g: Any, state: Any, t: int) -> Any:
        m = b1 * state[0] + (1.0 - b1) * g
        v = b2 * state[1] + (1.0 - b2) * (g * g)
        change = lr * (m * (1.0 / (1.0 - b1**t))) / (R.sqrt(v * (1.0 / (1.0 - b2**t))) + eps)
        change = change + (lr * decoupled) * p if decoupled else change
        axes = tuple(range(p.v.ndim))
        trust = lr * R.sqrt(R.sum(p * p, axes)) / R.sqrt(R.sum(change * change, axes))
        return p - change * trust, (m, v)

    return step


def optimizer(name: str, make: Any, reference: Any, slots: int, torch: Any = None, **fields: Any) -> None:
    add(OptimizerInfo(name, make, reference, slots, torch=torch, **fields))


def _torch(name: str, **options: Any) -> Any:
    return lambda torch, params: getattr(torch.optim, name)(params, **options)


optimizer("Sgd", lambda m: optim.Sgd(m, lr=0.1), sgd(0.1), 0, _torch("SGD", lr=0.1))
optimizer(
    "Sgd, momentum",
    lambda m: optim.Sgd(m, 0.1, optim.Classic(0.9)),
    sgd(0.1, 0.9),
    1,
    _torch("SGD", lr=0.1, momentum=0.9),
)
optimizer(
    "Sgd, Nesterov",
    lambda m: optim.Sgd(m, 0.1, optim.Nesterov(0.9)),
    sgd(0.1, 0.9, True),
    1,
    _torch("SGD", lr=0.1, momentum=0.9, nesterov=True),
)
optimizer("Sgd, L2", lambda m: optim.Sgd(m, 0.1, optim.Classic(0.5), optim.L2(0.05)), sgd(0.1, 0.5, l2=0.05), 1,
          _torch("SGD", lr=0.1, momentum=0.5, weight_decay=0.05))  # fmt: skip
optimizer("Sgd, decoupled", lambda m: optim.Sgd(m, 0.1, None, optim.Decoupled(0.05)), sgd(0.1, decoupled=0.05), 0)
optimizer("Adam", lambda m: optim.Adam(m, lr=0.05), adam(0.05), 2, _torch("Adam", lr=0.05))
optimizer(
    "Adam, other betas",
    lambda m: optim.Adam(m, 0.05, (0.5, 0.75), 1e-3),
    adam(0.05, 0.5, 0.75, 1e-3),
    2,
    _torch("Adam", lr=0.05, betas=(0.5, 0.75), eps=1e-3),
)
optimizer(
    "Adam, L2",
    lambda m: optim.Adam(m, 0.05, weight_decay=optim.L2(0.1)),
    adam(0.05, l2=0.1),
    2,
    _torch("Adam", lr=0.05, weight_decay=0.1),
)
optimizer(
    "AdamW", lambda m: optim.AdamW(m, 0.05), adam(0.05, decoupled=0.01), 2, _torch("AdamW", lr=0.05, weight_decay=0.01)
)
optimizer("Adagrad", lambda m: optim.Adagrad(m, 0.1), adagrad(0.1), 1, _torch("Adagrad", lr=0.1))
optimizer(
    "Adagrad, all options",
    lambda m: optim.Adagrad(m, 0.1, 0.2, 0.3, 1e-3, optim.L2(0.1)),
    adagrad(0.1, 0.2, 0.3, 1e-3, 0.1),
    1,
    _torch("Adagrad", lr=0.1, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.3, eps=1e-3),
)
optimizer("RMSprop", lambda m: optim.RMSprop(m, 0.05), rmsprop(0.05), 1)
optimizer(
    "RMSprop, centered, momentum",
    lambda m: optim.RMSprop(m, 0.05, 0.8, 0.1, 0.5, True),
    rmsprop(0.05, 0.8, 0.1, 0.5, True),
    3,
)
optimizer("Lion", lambda m: optim.Lion(m, 0.05, weight_decay=0.1), lion(0.05, decoupled=0.1), 1)
optimizer("Lamb", lambda m: optim.Lamb(m, 0.05), lamb(0.05, decoupled=0.01), 2)
optimizer("Lamb, no decay", lambda m: optim.Lamb(m, 0.05, weight_decay=None), lamb(0.05), 2)
