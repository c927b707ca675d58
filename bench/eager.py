"""What an op costs before it computes anything: small tensors, where only the path from Python to the kernel counts."""

from __future__ import annotations

from functools import partial
from typing import Any

import dfdx

from .harness import Row, Work
from .steps import dfdx_step, jax_step, numbers, torch_setup, torch_step

__all__ = ["README", "README_MODEL", "ROWS"]

ADDS = 1000


def _adds() -> Work:
    dev = dfdx.device("cpu")
    a, b = dev.tensor(numbers(32, 32)), dev.tensor(numbers(32, 32, seed=1))

    def run() -> Any:
        t = a.traced()
        for _ in range(ADDS):
            t = t + b
        return t

    return Work(run, units=ADDS)


def _adds_torch() -> Work:
    torch = torch_setup()
    a, b = torch.from_numpy(numbers(32, 32)).requires_grad_(), torch.from_numpy(numbers(32, 32, seed=1))

    def run() -> Any:
        t = a
        for _ in range(ADDS):
            t = t + b
        return t

    return Work(run, units=ADDS)


def _adds_jax() -> Work:
    """JAX records nothing outside a jit: its compiled add, called 1,000 times."""
    import jax

    add = jax.jit(lambda a, b: a + b)
    a, b = jax.numpy.asarray(numbers(32, 32)), jax.numpy.asarray(numbers(32, 32, seed=1))
    last = [a]

    def run() -> Any:
        t = a
        for _ in range(ADDS):
            t = add(t, b)
        last[0] = t

    return Work(run, lambda: jax.block_until_ready(last[0]), ADDS)


LINKS = 5  # y = y * w + c, so ten ops


def _chain(captured: bool = False) -> Work:
    dev = dfdx.device("cpu")
    x, w, c = (dev.tensor(numbers(16, seed=i)) for i in range(3))
    grads = dfdx.Gradients((x, w, c))

    def step(x: Any, w: Any, c: Any) -> Any:
        y = x.traced(grads)
        for _ in range(LINKS):
            y = y * w + c
        loss = y.sum()
        loss.backward()
        grads.zero((x, w, c))
        return loss

    call: Any = dfdx.capture(step) if captured else step
    return Work(lambda: call(x, w, c))


def _chain_torch() -> Work:
    torch = torch_setup()
    x, w, c = (torch.from_numpy(numbers(16, seed=i)).requires_grad_() for i in range(3))

    def run() -> Any:
        x.grad = w.grad = c.grad = None
        y = x
        for _ in range(LINKS):
            y = y * w + c
        loss = y.sum()
        loss.backward()
        return loss

    return Work(run)


def _chain_jax() -> Work:
    import jax

    def f(x: Any, w: Any, c: Any) -> Any:
        y = x
        for _ in range(LINKS):
            y = y * w + c
        return y.sum()

    grad = jax.jit(jax.value_and_grad(f, (0, 1, 2)))
    args = [jax.numpy.asarray(numbers(16, seed=i)) for i in range(3)]
    last: list[Any] = [None]

    def run() -> None:
        last[0] = grad(*args)

    return Work(run, lambda: jax.block_until_ready(last[0]))


README_MODEL = [("linear", 10, 32), ("relu",), ("linear", 32, 32), ("relu",), ("linear", 32, 2), ("tanh",)]
README: dict[str, Any] = {"layers": README_MODEL, "x": numbers(64, 10), "y": numbers(64, 2, seed=1), "loss": "mse"}

ROWS = (
    Row("recorded add 32x32", {"eager": _adds, "torch": _adds_torch, "jax": _adds_jax}, 0.3),
    Row(
        "10-op chain on 16, fwd + bwd",
        {"eager": _chain, "captured": partial(_chain, True), "torch": _chain_torch, "jax": _chain_jax},
        1.5,
        0.5,
    ),
    Row(
        "README step, batch 64",
        {
            "eager": partial(dfdx_step, **README),
            "captured": partial(dfdx_step, **README, captured=True),
            "torch": partial(torch_step, **README),
            "torch compiled": partial(torch_step, **README, compiled=True),
            "jax": partial(jax_step, **README),
        },
        0.5,
        0.25,
    ),
)
