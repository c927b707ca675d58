"""Single kernels, forward and with their gradients, where the machine's limits count and not the path to the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import dfdx

from .harness import Row, Work
from .steps import numbers, torch_setup

__all__ = ["ROWS"]

Op = Callable[..., Any]


def _dfdx(op: Op, shapes: tuple[tuple[int, ...], ...], back: bool) -> Work:
    dev = dfdx.device("cpu")
    tensors = [dev.tensor(numbers(*s, seed=i)) for i, s in enumerate(shapes)]

    def forward() -> Any:
        return op(*tensors)

    def both() -> Any:
        grads = dfdx.Gradients.leaky()
        return op(tensors[0].traced(grads), *tensors[1:]).sum().backward()

    return Work(both if back else forward)


def _torch(op: Op, shapes: tuple[tuple[int, ...], ...], back: bool) -> Work:
    torch = torch_setup()
    tensors = [torch.from_numpy(numbers(*s, seed=i)) for i, s in enumerate(shapes)]
    if not back:
        return Work(lambda: op(torch, *tensors))
    for t in tensors:
        t.requires_grad_()

    def both() -> Any:
        for t in tensors:
            t.grad = None
        op(torch, *tensors).sum().backward()

    return Work(both)


def _rows(name: str, shapes: Any, ours: Op, theirs: Op, target: float | None, back: bool = True) -> Iterator[Row]:
    """A row for the forward pass, and one for it and the gradient of its sum."""
    for label, both in (("forward", False), ("forward + backward", True))[: 1 + back]:
        makers = {"eager": partial(_dfdx, ours, shapes, both), "torch": partial(_torch, theirs, shapes, both)}
        yield Row(f"{name}, {label}" if back else name, makers, target)


def _softmax(*shape: int) -> Iterator[Row]:
    name = "softmax " + "x".join(map(str, shape))
    return _rows(name, (shape,), lambda x: x.softmax(-1), lambda t, x: x.softmax(-1), 0.6)


def _batch_norm(*shape: int) -> Iterator[Row]:
    from dfdx.core.dispatch import apply
    from dfdx.nn.batchnorm import _BY_BATCH  # the kernel alone, without the running statistics

    n = 1.0 / (shape[0] * shape[2] * shape[3])
    sides = (shape, shape[1:2], shape[1:2])
    name = "batch norm " + "x".join(map(str, shape))
    return _rows(
        name, sides, lambda x, a, b: apply(_BY_BATCH, (x, a, b), ((0, 2, 3),), (n, 1e-5)),
        lambda t, x, a, b: t.nn.functional.batch_norm(x, None, None, a, b, True), 0.6,
    )  # fmt: skip


def _conv(n: int, c: int, size: int, o: int, k: int, padding: int) -> Iterator[Row]:
    shapes = ((n, c, size, size), (o, c, k, k))
    name = f"conv {c} to {o}, {k}x{k}, {size}x{size}, batch {n}"
    return _rows(
        name, shapes, lambda x, w: x.conv2d(w, padding=padding),
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=padding), 0.95,
    )  # fmt: skip


def _matmul(n: int) -> Row:
    a, b = (numbers(n, n, seed=i) for i in range(2))
    dev = dfdx.device("cpu")
    makers = {
        "eager": lambda: Work(partial(lambda x, y: x @ y, dev.tensor(a), dev.tensor(b))),
        "numpy": lambda: Work(partial(np.matmul, a, b)),
    }
    return Row(f"matmul {n}", makers, 1.02)


def _adam(n: int = 10_000_000) -> Row:
    def ours() -> Work:
        from dfdx import nn, optim

        dev = dfdx.device("cpu")
        model = dev.build_module(nn.UnbiasedLinear(n // 1000, 1000))
        grads = model.alloc_grads()
        x = dev.ones((1, n // 1000))
        grads = model(x.traced(grads)).sum().backward()
        opt = optim.Adam(model, lr=1e-3)
        return Work(lambda: opt.update(model, grads))

    def theirs() -> Work:
        torch = torch_setup()
        p = torch.nn.Parameter(torch.zeros(n))
        p.grad = torch.ones(n)
        return Work(torch.optim.Adam([p], lr=1e-3, fused=True).step)

    return Row("Adam over 10 M", {"eager": ours, "torch": theirs}, 1.0)


def _norm(x: Any, gamma: Any, beta: Any) -> Any:
    return x.layer_norm(gamma, beta)


def _all() -> Iterator[Row]:
    yield from _softmax(4096, 1024)
    yield from _softmax(32, 64, 128, 256)
    yield from _rows("layer norm 4096x1024", ((4096, 1024), (1024,), (1024,)), _norm,
                     lambda t, x, a, b: t.nn.functional.layer_norm(x, (1024,), a, b), 0.6)  # fmt: skip
    yield from _batch_norm(64, 16, 28, 28)
    yield from _batch_norm(64, 512, 28, 28)
    gelu = ((2048, 2048),)
    yield from _rows("gelu (tanh) 4 Mi", gelu, lambda x: x.fast_gelu(),
                     lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), 0.6)  # fmt: skip
    yield from _rows("gelu (erf) 4 Mi", gelu, lambda x: x.gelu(), lambda t, x: t.nn.functional.gelu(x), 0.6)
    yield _adam()
    for axis in (0, 1, 2):
        yield from _rows(f"sum over axis {axis} of 64x64x64", ((64, 64, 64),), partial(_sum, axis=axis),
                         partial(_torch_sum, axis=axis), 0.6, back=False)  # fmt: skip
    yield from _rows("sum of 67 M", ((1 << 26,),), lambda x: x.sum(), lambda t, x: x.sum(), 1.0, back=False)
    yield from map(_matmul, (256, 512, 1024, 2048))
    yield from _conv(8, 64, 56, 64, 3, 1)
    yield from _conv(64, 3, 28, 256, 3, 0)
    yield from _conv(64, 128, 28, 256, 4, 0)


def _sum(x: Any, axis: int) -> Any:
    return x.sum(axis)


def _torch_sum(_: Any, x: Any, axis: int) -> Any:
    return x.sum(axis)


ROWS: tuple[Row, ...] = tuple(_all())
