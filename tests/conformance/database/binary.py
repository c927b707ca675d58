"""Elementwise ops of two tensors, or of a tensor and a Python number."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core import public as ops
from ...core.ops._define import FUNCTIONS
from .. import reference as R
from ..info import Law, OpInfo, add
from ..samples import S, away, few, normal, positive, unit, values
from ._elementwise import elementwise, wrong_dtype, wrong_shapes
from .unary import softplus


def binary(name: str, reference: Any, *draws: Any, extra: Any = (), special: bool = True, **fields: Any) -> None:
    """An op of two tensors, with the samples and the refusals of every elementwise op."""
    function = FUNCTIONS[name]
    kwargs = fields.pop("kwargs", {})
    errors = (*wrong_shapes(function, name), wrong_dtype(function, name, 2, **_given(name)))
    samples = (*elementwise(*(draws or (normal, normal)), special=special, **kwargs), *extra)
    add(OpInfo(name, reference, samples, family="binary", errors=errors, **fields))


def _given(name: str) -> dict[str, Any]:
    return {"delta": 1.0} if name == "huber_error" else {}


def by_number(name: str, f: Any, draw: Any = normal, s: float = 3, **fields: Any) -> None:
    """One side is a Python number."""
    add(OpInfo(name, lambda x, s: f(x, s), elementwise(draw, special=fields.pop("special", True), s=s), call=lambda x, s: f(x, s),
               family="binary", torch=lambda t, x, s: f(x, s), **fields))  # fmt: skip


def _swapped(f: Any) -> Any:
    return lambda x, s: f(s, x)


binary("add", R.add, takes="number", torch="add", laws=(Law("commutes", lambda a, b: a + b, lambda a, b: b + a),))
binary("sub", R.sub, takes="number", torch="sub")
binary("mul", R.mul, takes="number", torch="mul", laws=(Law("commutes", lambda a, b: a * b, lambda a, b: b * a),))
binary("div", R.div, normal, positive, torch="div")
by_number("add_scalar", operator.add, takes="number")
by_number("sub_scalar", operator.sub, takes="number")
by_number("mul_scalar", operator.mul, takes="number")
by_number("div_scalar", operator.truediv)
by_number("scalar_sub", _swapped(operator.sub), takes="number")
by_number("scalar_div", _swapped(operator.truediv), positive)
add(OpInfo("scalar_power", lambda x, s: R.pow(s, x), elementwise(normal, special=False, s=2.5), call=lambda x, s: s**x,
           family="binary", torch=lambda t, x, s: s**x))  # fmt: skip
ties = (S("ties", few(20), few(20)),)
binary("maximum", R.maximum, takes="number", extra=ties, torch="maximum",
       laws=(Law("commutes", lambda a, b: a.maximum(b), lambda a, b: b.maximum(a)),))  # fmt: skip
binary("minimum", R.minimum, takes="number", extra=ties, torch="minimum")
binary("power", R.pow, positive, normal, special=False, torch="pow",
       extra=(S("zero to a power", values(0.0, 0.0, 0.0), values(2.0, 1.0, 3.0)).without_gradient(),))  # fmt: skip


def _bce(x: Any, p: Any) -> Any:
    return softplus(x) - x * p


def _huber(a: Any, b: Any, delta: float = 1.0) -> Any:
    d = a - b
    return R.where(np.abs(d.v) < delta, 0.5 * (d * d), delta * R.abs(d) - 0.5 * (R.ref(delta) * R.ref(delta)))


binary("bce_with_logits", _bce, normal, unit, special=False,
       torch=lambda t, x, p: t.nn.functional.binary_cross_entropy_with_logits(x, p, reduction="none"))  # fmt: skip
binary("huber_error", _huber, special=False, extra=(S("equal", values(1.0, 2.0), values(1.0, 2.0)),),
       torch=lambda t, a, b, delta=1.0: t.nn.functional.huber_loss(a, b, delta=delta, reduction="none"))  # fmt: skip
binary(
    "prelu",
    lambda x, a: R.where(x.v > 0, x, x * a),
    away,
    normal,
    special=False,
    torch=lambda t, x, a: t.where(x > 0, x, x * a),
)
add(OpInfo("axpy", lambda a, b, alpha, beta: a * alpha + b * beta, elementwise(normal, normal, special=False, alpha=0.5, beta=-3.0),
           call=lambda a, b, alpha, beta: ops.axpy(a, alpha, b, beta), family="binary", torch=lambda t, a, b, alpha, beta: a * alpha + b * beta, errors=wrong_shapes(lambda a, b: ops.axpy(a, 1.0, b, 1.0), "axpy")))  # fmt: skip
