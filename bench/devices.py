"""What the benchmarks of single devices do on one: a copy, Adam over one large parameter, functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dfdx
from dfdx import nn, optim

from .harness import Work
from .steps import numbers

__all__ = ["adam", "copy", "on"]


def on(dev: Any, build: Callable[..., Any], *shapes: tuple[int, ...]) -> Work:
    """A function of tensors of these shapes."""
    tensors = [dev.tensor(numbers(*s, seed=i)) for i, s in enumerate(shapes)]
    return Work(lambda: build(*tensors), dev.synchronize)


def copy(dev: Any, n: int) -> Work:
    """What the device's memory gives: n floats read and written."""
    t, kernel = dev.tensor(numbers(n)), dev.backend.primitive("copy")
    return Work(lambda: kernel(t.storage), dev.synchronize)


def adam(dev: Any, n: int) -> Work:
    """An update of n floats: parameter, gradient and two moments are read, three of them written."""

    class Weights(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Param((n,), lambda d, shape, dtype: d.ones(shape, dtype))

        def forward(self, x: Any) -> Any:
            return x

    model = dev.build_module(Weights(), dfdx.f32)
    opt, grads = optim.Adam(model), model.alloc_grads()
    (model.weight.traced(grads) * dev.tensor(numbers(n))).sum().backward()
    return Work(lambda: opt.update(model, grads), dev.synchronize)
