"""Elementwise functions: value, error and derivative from one line each.

A derivative is written over a namespace `m`: with NumPy it gives the slope that carries errors, with the functions of
this file the gradient, which is a reference value itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import erf as _erf
from math import pi
from typing import Any

import numpy as np

from .node import FUNCTIONS, Ref, carried, own, ref

_here = sys.modules[__name__]


def _unary(name: str, value: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Ref]:
    def function(x: Any) -> Ref:
        x = ref(x)
        v = value(x.v)
        out = Ref(v, own(v, name) + carried(slope(np, x.v, v), x.e) if x.is_float else 0.0, (x,))
        out.pull = lambda g: (_times(g, slope(_here, x, out)),)
        return out

    FUNCTIONS[name] = function
    return function


def _binary(
    name: str, value: Callable[..., Any], slopes: Callable[..., Any], bound: Callable[..., Any] | None = None
) -> Callable[..., Ref]:
    def function(x: Any, y: Any) -> Ref:
        x, y = _meeting(x, y)
        v = value(x.v, y.v)
        e: Any = 0.0
        if x.is_float:
            sx, sy = (bound or slopes)(np, x.v, y.v, v)
            e = own(v, name) + carried(sx, x.e) + carried(sy, y.e)
        out = Ref(v, e, (x, y))

        def pull(g: Ref) -> tuple[Ref, Ref]:
            dx, dy = slopes(_here, x, y, out)
            return _shrunk(_times(g, dx), x.shape), _shrunk(_times(g, dy), y.shape)

        out.pull = pull
        return out

    FUNCTIONS[name] = function
    return function


def _meeting(x: Any, y: Any) -> tuple[Ref, Ref]:
    """Both as reference arrays; a Python number takes the kind of what it meets."""
    if isinstance(x, Ref) and not isinstance(y, Ref):
        y = _like(x, y)
    elif isinstance(y, Ref) and not isinstance(x, Ref):
        x = _like(y, x)
    return ref(x), ref(y)


def _like(x: Ref, number: Any) -> Ref:
    v = np.asarray(number)
    return ref(v.astype(np.float64)) if x.is_float else Ref(v.astype(x.v.dtype))


def _times(g: Ref, d: Any) -> Ref:
    """g d; nothing is multiplied by a slope of one."""
    if isinstance(d, float) and d in (1.0, -1.0):
        return g if d > 0 else -g
    return g * d


def _shrunk(g: Ref, shape: tuple[int, ...]) -> Ref:
    """Summed over the axes along which an operand was repeated."""
    from .array import reshape
    from .array import sum as total

    if g.shape == shape:
        return g
    lead = len(g.shape) - len(shape)
    axes = [*range(lead), *[i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1]]
    return reshape(total(g, tuple(axes)), shape)


def where(cond: Any, a: Any, b: Any) -> Any:
    from .array import where as choose

    return choose(cond, a, b)


def _tie(m: Any, larger: Any, equal: Any) -> Any:
    return m.where(larger, 1.0, m.where(equal, 0.5, 0.0))


def _plain(x: Any) -> Any:
    return x.v if isinstance(x, Ref) else x


_erf_of = np.vectorize(_erf, otypes=[np.float64])
add = _binary("add", np.add, lambda m, x, y, o: (1.0, 1.0))
sub = _binary("sub", np.subtract, lambda m, x, y, o: (1.0, -1.0))
mul = _binary("mul", np.multiply, lambda m, x, y, o: (y, x))
div = _binary("div", np.divide, lambda m, x, y, o: (1.0 / y, -(o / y)))
maximum = _binary(
    "maximum",
    np.maximum,
    lambda m, x, y, o: (_tie(m, _plain(x) > _plain(y), _plain(x) == _plain(y)), _tie(m, _plain(y) > _plain(x), _plain(x) == _plain(y))),
    lambda m, x, y, o: (1.0, 1.0),
)  # fmt: skip
minimum = _binary(
    "minimum",
    np.minimum,
    lambda m, x, y, o: (_tie(m, _plain(x) < _plain(y), _plain(x) == _plain(y)), _tie(m, _plain(y) < _plain(x), _plain(x) == _plain(y))),
    lambda m, x, y, o: (1.0, 1.0),
)  # fmt: skip
pow = _binary(
    "pow",
    np.power,
    lambda m, x, y, o: (
        m.where(_plain(y) == 0.0, 0.0, y * m.pow(x, y - 1.0)),
        m.where((_plain(x) == 0.0) & (_plain(y) >= 0.0), 0.0, o * m.log(x)),
    ),
)
neg = _unary("neg", np.negative, lambda m, x, y: -1.0)
abs = _unary("abs", np.abs, lambda m, x, y: np.sign(_plain(x)))
sqrt = _unary("sqrt", np.sqrt, lambda m, x, y: 0.5 / y)
exp = _unary("exp", np.exp, lambda m, x, y: y)
expm1 = _unary("expm1", np.expm1, lambda m, x, y: y + 1.0)
log = _unary("log", np.log, lambda m, x, y: 1.0 / x)
log1p = _unary("log1p", np.log1p, lambda m, x, y: 1.0 / (x + 1.0))
sin = _unary("sin", np.sin, lambda m, x, y: m.cos(x))
cos = _unary("cos", np.cos, lambda m, x, y: -m.sin(x))
tan = _unary("tan", np.tan, lambda m, x, y: 1.0 + y * y)
tanh = _unary("tanh", np.tanh, lambda m, x, y: 1.0 - y * y)
erf = _unary("erf", lambda x: _erf_of(x) if x.size else x, lambda m, x, y: (2.0 / np.sqrt(pi)) * m.exp(-(x * x)))


def sigmoid(x: Any) -> Ref:
    """1 / (1 + e^-x), with the usual form of its gradient, y (1 - y), which cancels where y is near 1."""
    x = ref(x)
    y = 1.0 / (1.0 + exp(-x))
    out = Ref(y.v, y.e, (x,))
    out.pull = lambda g: (g * (out * (1.0 - out)),)
    return out


def steps(name: str) -> Callable[..., Ref]:
    """A function that is constant between jumps (floor, ceil, round, trunc, sign): exact, with gradient 0."""
    value = {"floor": np.floor, "ceil": np.ceil, "round": np.rint, "trunc": np.trunc, "sign": np.sign}[name]

    def function(x: Any) -> Ref:
        x = ref(x)
        v = value(x.v)
        return Ref(v, own(v, name), (x,), lambda g: (g * 0.0,))

    return function
