"""Training steps written once per library: a model as data, and the step that each library's users would write.

A model is a list of layers: ("linear", in, out), ("conv", in, out, kernel, stride, padding), ("pool", size, stride), ("flatten",), ("relu",), ("tanh",),
("block", features, heads, hidden). Inputs are the same numbers everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import dfdx
from dfdx import nn, optim
from dfdx.nn import losses

from .harness import Work

__all__ = ["dfdx_step", "jax_step", "numbers", "torch_setup", "torch_step"]

Layer = tuple[Any, ...]


def numbers(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Standard normal f32."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def torch_setup() -> Any:
    """PyTorch on two threads."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    return torch


# ----- dfdx


def _module(layers: list[Layer]) -> tuple[Any, ...]:
    make: dict[str, Any] = {
        "linear": nn.Linear, "relu": nn.ReLU, "tanh": nn.Tanh, "conv": nn.Conv2D, "pool": nn.MaxPool2D, "flatten": nn.Flatten2D,
        "block": nn.TransformerEncoderBlock,
    }  # fmt: skip
    return tuple(make[kind](*args) for kind, *args in layers)


def dfdx_step(
    layers: list[Layer], x: Any, y: Any, loss: str, adam: bool = False, captured: bool = False, device: str = "cpu"
) -> Work:  # fmt: skip
    """Forward, loss, backward, update, zeroed gradients."""
    dev = dfdx.device(device)
    model = dev.build_module(_module(layers), dfdx.f32)
    opt: Any = optim.Adam(model, lr=1e-3) if adam else optim.Sgd(model, lr=1e-2, momentum=optim.Nesterov(0.9))
    grads, inputs = model.alloc_grads(), (dev.tensor(x), dev.tensor(y))
    lossf: Any = {"mse": losses.mse_loss, "classes": losses.cross_entropy_with_indices_loss}[loss]

    def step(x: Any, y: Any) -> Any:
        value = lossf(model(x.traced(grads)), y)
        opt.update(model, value.backward())
        model.zero_grads(grads)
        return value

    call: Any = dfdx.capture(step) if captured else step
    return Work(lambda: call(*inputs), dev.synchronize)


# ----- PyTorch


def torch_step(
    layers: list[Layer], x: Any, y: Any, loss: str, adam: bool = False, compiled: bool = False, channels_last: bool = False,
    device: str = "cpu",
) -> Work:  # fmt: skip
    torch = torch_setup()
    block = partial(torch.nn.TransformerEncoderLayer, dropout=0.0, batch_first=True)
    make = {
        "linear": torch.nn.Linear, "relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "conv": torch.nn.Conv2d,
        "pool": torch.nn.MaxPool2d, "flatten": torch.nn.Flatten, "block": block,
    }  # fmt: skip
    model = torch.nn.Sequential(*[make[kind](*args) for kind, *args in layers]).to(device)
    params = model.parameters()
    opt = (
        torch.optim.Adam(params, 1e-3, fused=True)
        if adam
        else torch.optim.SGD(params, 1e-2, momentum=0.9, nesterov=True, foreach=False)
    )
    lossf = {"mse": torch.nn.functional.mse_loss, "classes": torch.nn.functional.cross_entropy}[loss]
    xs, ys = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    if channels_last:
        model, xs = model.to(memory_format=torch.channels_last), xs.to(memory_format=torch.channels_last)

    def forward(x: Any, y: Any) -> Any:
        return lossf(model(x), y)

    call = torch.compile(forward) if compiled else forward

    def step() -> Any:
        opt.zero_grad(set_to_none=True)
        value = call(xs, ys)
        value.backward()
        opt.step()
        return value

    return Work(step, torch.cuda.synchronize) if device == "cuda" else Work(step)


# ----- JAX


def jax_step(layers: list[Layer], x: Any, y: Any, loss: str, adam: bool = False) -> Work:
    import jax
    import jax.numpy as jnp

    kinds = [kind for kind, *_ in layers]
    params = [
        (jnp.asarray(numbers(i, o) / i**0.5), jnp.zeros(o, jnp.float32))
        for kind, i, o in [l for l in layers if len(l) == 3]
    ]
    tree = jax.tree_util.tree_map

    def predict(params: Any, x: Any) -> Any:
        rest = iter(params)
        for kind in kinds:
            if kind == "linear":
                w, b = next(rest)
                x = x @ w + b
            else:
                x = jax.nn.relu(x) if kind == "relu" else jnp.tanh(x)
        return x

    def cost(params: Any, x: Any, y: Any) -> Any:
        out = predict(params, x)
        if loss == "mse":
            return ((out - y) ** 2).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], 1).mean()

    def sgd(state: Any, x: Any, y: Any) -> Any:
        params, v, _, t = state
        value, g = jax.value_and_grad(cost)(params, x, y)
        v = tree(lambda v, g: 0.9 * v + g, v, g)
        params = tree(lambda p, g, v: p - 1e-2 * (g + 0.9 * v), params, g, v)
        return (params, v, v, t), value

    def adam_(state: Any, x: Any, y: Any) -> Any:
        params, m, v, t = state
        t = t + 1
        value, g = jax.value_and_grad(cost)(params, x, y)
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        params = tree(lambda p, m, v: p - 1e-3 * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), params, m, v)
        return (params, m, v, t), value

    compiled = jax.jit(adam_ if adam else sgd, donate_argnums=0)
    zeros = tree(jnp.zeros_like, params)
    state = [(params, zeros, tree(jnp.zeros_like, params), jnp.zeros(())), None]
    xs, ys = jnp.asarray(x), jnp.asarray(y)
    if not adam:
        state[0] = (params, zeros, tree(jnp.copy, zeros), jnp.zeros(()))

    def step() -> None:
        state[:] = compiled(state[0], xs, ys)

    return Work(step, lambda: jax.block_until_ready(state[1]))
