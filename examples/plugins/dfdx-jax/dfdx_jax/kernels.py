"""What JAX has of its own: functions of the expression language, scatter-add, convolution and its transposes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def add_at(values: Any, rows: Any, count: int) -> Any:
    """Rows of zeros to which values are added."""
    return jnp.zeros((count, values.shape[1]), values.dtype).at[rows].add(values)


# "highest": accelerators otherwise multiply f32 in bf16 or TF32
FUNCTIONS = {"erf": jax.lax.erf, "matmul": partial(jnp.matmul, precision="highest"), "add_at": add_at}


def _convolve(stride: Any, padding: Any, dilation: Any, groups: int) -> Callable[..., Any]:
    def run(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, w, stride, [(p, p) for p in padding], rhs_dilation=dilation, feature_group_count=groups,
            dimension_numbers=("NCHW", "OIHW", "NCHW"), precision="highest",
        )  # fmt: skip

    return run


def _conv2d(wide: Any, sig: Any, **at: Any) -> Callable[..., Any]:
    return _convolve(**at)


def _conv2d_input(wide: Any, sig: Any, *, size: Any, **at: Any) -> Callable[..., Any]:
    like = jax.ShapeDtypeStruct(sig.outputs[0].shape, wide)
    return lambda g, w: jax.linear_transpose(lambda x: _convolve(**at)(x, w), like)(g)[0]


def _conv2d_weight(wide: Any, sig: Any, *, kernel: Any, **at: Any) -> Callable[..., Any]:
    like = jax.ShapeDtypeStruct(sig.outputs[0].shape, wide)
    return lambda x, g: jax.linear_transpose(lambda w: _convolve(**at)(x, w), like)(g)[0]


def _cut(a: Any, *, starts: Any, stops: Any, steps: Any) -> Any:
    return a[tuple(slice(*cut) for cut in zip(starts, stops, steps, strict=True))]


# What only moves elements. On the CPU, NumPy does it on the same memory, and there is nothing to compile for each new shape.
MOVES: dict[str, Any] = {
    "permute": lambda a, *, axes: a.transpose(axes),
    "broadcast": lambda a, *, shape, axes: np.broadcast_to(np.expand_dims(a, axes), shape),
    "reshape": lambda a, *, shape: a.reshape(shape),
    "slice": _cut,
    "concat": lambda *arrays, axis: np.concatenate(arrays, axis),
    "fill": lambda value, *, shape, dtype: np.full(shape, value, dtype.numpy),
    "copy_in": lambda host, *, dtype: np.array(host, dtype.numpy, order="C", copy=True),
}


def _moves_on_the_host(registry: Any, runtime: Any) -> None:
    def add(name: str, move: Callable[..., Any]) -> None:
        def kernel(*inputs: Any, **attrs: Any) -> Any:
            hosts = [np.asarray(x) if isinstance(x, jax.Array) else x for x in inputs]
            return jax.device_put(move(*hosts, **attrs), runtime.device)

        registry.kernel(name)(runtime.space.guard(kernel))

    for name, move in MOVES.items():
        add(name, move)


def register(registry: Any, runtime: Any) -> None:
    space = runtime.space
    if runtime.device.platform == "cpu":
        _moves_on_the_host(registry, runtime)

    def add(name: str, make: Callable[..., Any]) -> None:
        def specialized(sig: Any, **attrs: Any) -> Any:
            dtype = sig.outputs[0].dtype
            fn = make(space.dtype(space.computes(dtype)), sig, **attrs)
            return space.guard(
                space.compile(lambda *arrays: space.narrow(fn(*[space.widen(a, dtype) for a in arrays]), dtype))
            )

        registry.kernel(name, specialize=True)(space.guard(specialized))

    for name, make in (("conv2d", _conv2d), ("conv2d_input", _conv2d_input), ("conv2d_weight", _conv2d_weight)):
        add(name, make)
    registry.kernel("synchronize")(runtime.synchronize)
