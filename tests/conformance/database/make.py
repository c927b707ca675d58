"""Tensors made by a device: constants, ranges, masks, random numbers; and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..reference import Ref
from ..samples import S, ints, normal
from ._elementwise import elementwise
from .philox import words

TWO_PI = 6.283185307179586


def maker(name: str, reference: Any, *samples: Any, **fields: Any) -> None:
    """A method of the device; `reference(dtype, **kwargs)`."""

    def call(dev: Any, dtype: Any, **kwargs: Any) -> Any:
        return getattr(dev, name)(**kwargs, dtype=dtype)

    fields.setdefault("takes", "number")
    fields.setdefault("call", call)
    add(OpInfo(f"dev.{name}", reference, samples, maker=True, grad=False, family="make", **fields))


def _typed(v: Any, dtype: Any) -> Ref:
    """Values as the dtype holds them."""
    return Ref(
        np.asarray(v).astype(dtype.numpy).astype(np.float64) if dtype.is_float else np.asarray(v).astype(dtype.numpy)
    )


maker(
    "zeros",
    lambda dtype, shape: _typed(np.zeros(shape), dtype),
    S("matrix", shape=(2, 3)),
    S("rank-0", shape=()),
    S("empty", shape=(0, 2)),
    takes="any",
)
maker(
    "ones",
    lambda dtype, shape: _typed(np.ones(shape), dtype),
    S("matrix", shape=(2, 3)),
    S("rank-0", shape=()),
    takes="any",
)
maker("full", lambda dtype, shape, value: _typed(np.full(shape, value), dtype), S("matrix", shape=(2, 3), value=3))
maker(
    "eye",
    lambda dtype, n, m=None: _typed(np.eye(n, m), dtype),
    S("square", n=3),
    S("wide", n=2, m=5),
    S("tall", n=4, m=2),
    takes="any",
)
maker("arange", lambda dtype, start, stop=None, step=1: _typed(np.arange(*((start, stop) if stop is not None else (0, start)), step), dtype),
      S("to", start=7), S("from, to, step", start=2, stop=20, step=3), S("downwards", start=5, stop=-4, step=-2).only("float"), S("nothing", start=0))  # fmt: skip
maker("linspace", lambda dtype, start, stop, count: _linspace(start, stop, count), S("five", start=0.0, stop=1.0, count=5), S("downwards", start=3.0, stop=-2.0, count=7),
      S("one", start=2.0, stop=5.0, count=1), takes="float")  # fmt: skip


def _linspace(start: float, stop: float, count: int) -> Any:
    step = (stop - start) / (count - 1) if count > 1 else 0.0
    inner = R.ref(start) + R.ref(np.arange(count, dtype=float)) * R.ref(step)
    return R.where(np.arange(count) == max(count - 1, 1), R.ref(stop), inner)


for _name, _f in (("upper_tri", np.triu), ("lower_tri", np.tril)):
    maker(_name, lambda dtype, shape, value=1, diagonal=0, f=_f: _typed(f(np.full(shape, value), diagonal), dtype), S("square", shape=(4, 4)),
          S("above", shape=(3, 5), diagonal=1, value=2), S("below, in a batch", shape=(2, 4, 3), diagonal=-1))  # fmt: skip

add(OpInfo("dev.one_hot_encode", lambda i, n: Ref(np.eye(n)[i.v]), (S("vector", ints(4, 5), n=4), S("matrix", ints(3, 2, 3), n=3), S("rank-0", ints(3), n=3)),
           call=lambda i, n: i.device.one_hot_encode(i, n), takes="i64", gives="f32", grad=False, family="make", errors=(
               ErrorSample("float labels", lambda d: d.one_hot_encode(d.ones((2,)), 3), DTypeError, ("[one_hot_encode]", "f32")),)))  # fmt: skip

# ----- random numbers: the same bits on every device

SEED = 11


def seeded(f: Any) -> Any:
    """A call with the device's stream at the start of seed 11; the stream goes on afterwards as if nothing had been."""

    def call(dev: Any, *args: Any, **kwargs: Any) -> Any:
        state = (dev._seed, dev._counter)
        dev.seed(SEED)
        try:
            return f(dev, *args, **kwargs)
        finally:
            dev._seed, dev._counter = state

    return call


def _words(n: int, after: int = 0) -> Any:
    return np.array(words(SEED, after, n), np.float64)


def uniform_f32(n: int, after: int = 0) -> Any:
    """The top 24 bits."""
    return np.floor(_words(n, after) / 256) * 2.0**-24


def uniform(dtype: Any, shape: Any, low: float = 0.0, high: float = 1.0) -> Any:
    n = int(np.prod(shape))
    if dtype.storage == "f64":
        w = _words(2 * n).reshape(-1, 2)
        u = (np.floor(w[:, 0] / 32) * 2.0**26 + np.floor(w[:, 1] / 64)) * 2.0**-53
    else:
        u = uniform_f32(n)
    u = u.reshape(shape)
    return R.Ref(u) if (low, high) == (0.0, 1.0) else R.Ref(u) * R.ref(high - low) + R.ref(low)


def gauss(dtype: Any, shape: Any) -> Any:
    """Box and Muller on words 2i and 2i + 1."""
    w = _words(2 * int(np.prod(shape))).reshape(-1, 2)
    if dtype.storage == "f64":
        u1, u2 = R.Ref((w[:, 0] + 1.0) * 2.0**-32), R.Ref(w[:, 1]) * R.ref(2.0**-32 * TWO_PI)
    else:
        u1, u2 = (
            R.Ref((np.floor(w[:, 0] / 256) + 1) * 2.0**-24),
            R.Ref(np.floor(w[:, 1] / 256) * 2.0**-24) * R.ref(TWO_PI),
        )
    return R.reshape(R.sqrt(-2.0 * R.log(u1)) * R.cos(u2), tuple(shape))


def _draw(name: str, *positional: Any) -> Any:
    return seeded(lambda dev, dtype, **kw: getattr(dev, name)(dtype=dtype, **kw))


maker("sample_uniform", uniform, S("vector", shape=(13,)), S("matrix", shape=(3, 5)), S("a range", shape=(7,), low=-2.0, high=3.0), S("many", shape=(4099,)),
      call=_draw("sample_uniform"), takes="float")  # fmt: skip
maker(
    "sample_normal",
    gauss,
    S("vector", shape=(13,)),
    S("matrix", shape=(3, 5)),
    S("many", shape=(4099,)),
    call=_draw("sample_normal"),
    takes="float",
)
maker("sample", lambda dtype, shape, low, high: _typed(np.array([int(w) % (high - low) + low for w in words(SEED, 0, int(np.prod(shape)))]).reshape(shape), dtype),
      S("integers", shape=(3, 5), low=-3, high=9), S("many integers", shape=(4099,), low=0, high=100),
      call=seeded(lambda dev, dtype, shape, low, high: dev.sample(shape, "integers", low, high, dtype=dtype)), takes="i64")  # fmt: skip
maker("sample bernoulli", lambda dtype, shape, p: Ref((uniform_f32(int(np.prod(shape))) < np.float32(p)).reshape(shape)), S("half", shape=(3, 5), p=0.5),
      S("rarely", shape=(4099,), p=0.1), call=seeded(lambda dev, dtype, shape, p: dev.sample(shape, "bernoulli", p)), takes="bool")  # fmt: skip


def dropout(x: Any, p: float) -> Any:
    keep = (uniform_f32(x.v.size) >= np.float32(p)).reshape(x.shape)
    return R.where(keep, x * (1.0 / (1.0 - p) if p < 1 else 0.0), 0.0)


add(OpInfo("dropout", dropout, (*elementwise(normal, special=False, p=0.25), S("nothing", normal(3, 4), p=0.0), S("everything", normal(3, 4), p=1.0)),
           call=lambda x, p: seeded(lambda dev: ops.dropout(x, p))(x.device), family="make", errors=(
               ErrorSample("no probability", lambda d: d.ones((2,)).dropout(1.5), ValueError, ("[dropout]", "1.5")),)))  # fmt: skip
add(OpInfo("to_device", lambda x: x, (S("to another device and back", normal(3, 4)), S("rank-0", normal()), S("empty", normal(0, 3))),
           call=lambda x: x.to_device("cpu").to_device(x.device), takes="any", signed=True, view=True, family="make"))  # fmt: skip
