"""Elementwise ops of one tensor: a line each."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ...core import public as ops
from ...core.ops._define import FUNCTIONS
from .. import reference as R
from ..info import ErrorSample, Law, OpInfo, add
from ..reference import Ref
from ..samples import S, Sample, away, between, normal, positive, values
from ._elementwise import elementwise, wrong_dtype


def unary(
    name: str,
    reference: Any,
    draw: Any = normal,
    *,
    extra: tuple[Sample, ...] = (),
    special: bool = True,
    **fields: Any,
) -> None:
    """An op of one tensor with all the samples of an elementwise op, and `extra` ones (its kinks)."""
    function = FUNCTIONS[name]
    if fields.get("takes", "float") in ("float", "number"):
        fields.setdefault("errors", (wrong_dtype(function, name, **fields.get("kwargs", {})),))
    kwargs = fields.pop("kwargs", {})
    add(OpInfo(name, reference, (*elementwise(draw, special=special, **kwargs), *extra), family="unary", **fields))


def kink(*points: float) -> tuple[Sample, ...]:
    """Points where the gradient is a convention, which the reference spells out."""
    return (S("kink", values(*points)).only("float"),)


def relu(x: Any) -> Any:
    return R.where(~(x.v <= 0), x, 0.0)


def softplus(x: Any) -> Any:
    return R.maximum(x, 0.0) + R.log1p(R.exp(-R.abs(x)))


def fast_gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + R.tanh(sqrt(2 / pi) * (x + 0.044715 * (x * x * x))))


def accurate_gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + R.erf(x * sqrt(0.5)))


def clamp(x: Any, lo: float, hi: float) -> Any:
    return R.where(x.v < lo, lo, R.where(x.v > hi, hi, x))


def leaky_relu(x: Any, a: float) -> Any:
    return R.where(x.v > 0, x, x * a)


def _bools(f: Any) -> Any:
    """A reference of bools."""
    return lambda x: Ref(f(x.v))


same = lambda x: x  # noqa: E731
unary("abs", R.abs, away, takes="number", extra=kink(0.0), torch="abs", signed=True,
      laws=(Law("even", lambda x: x.abs(), lambda x: (-x).abs(), "float"),))  # fmt: skip
unary(
    "negate",
    R.neg,
    takes="number",
    torch="neg",
    signed=True,
    laws=(Law("involution", lambda x: x.negate().negate(), same),),
)
unary(
    "relu",
    relu,
    away,
    extra=kink(0.0),
    torch="relu",
    laws=(Law("idempotent", lambda x: x.relu(), lambda x: x.relu().relu()),),
)
unary("fast_gelu", fast_gelu, torch=lambda t, x: t.nn.functional.gelu(x, approximate="tanh"))
unary("accurate_gelu", accurate_gelu, torch=lambda t, x: t.nn.functional.gelu(x))
unary("sigmoid", R.sigmoid, torch="sigmoid")
unary("tanh", R.tanh, torch="tanh")
unary("exp", R.exp, torch="exp")
unary("expm1", R.expm1, torch="expm1")
unary("ln", R.log, positive, torch="log")
unary("log1p", R.log1p, positive, torch="log1p")
unary("sin", R.sin, special=False, torch="sin")
unary("cos", R.cos, special=False, torch="cos")
unary("tan", R.tan, between(-1.2, 1.2), special=False, torch="tan")
unary("erf", R.erf, torch="erf")
unary("sqrt", R.sqrt, positive, torch="sqrt", extra=kink(0.0))
unary("rsqrt", lambda x: 1.0 / R.sqrt(x), positive, torch="rsqrt")
unary("square", lambda x: x * x, takes="number", torch="square")
unary("recip", lambda x: 1.0 / x, positive, torch="reciprocal")
unary("softplus", softplus, torch=lambda t, x: t.logaddexp(x, t.zeros_like(x)))
unary("floor", R.steps("floor"), away, torch="floor", signed=True)
unary("ceil", R.steps("ceil"), away, torch="ceil")
unary("round", R.steps("round"), away, torch="round",
      extra=(S("halves", values(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)).only("float"),))  # fmt: skip
unary("trunc", R.steps("trunc"), away, torch="trunc")
unary(
    "sign", R.steps("sign"), away, takes="number", extra=kink(0.0), torch=lambda t, x: t.where(t.isnan(x), x, t.sign(x))
)
unary("isnan", _bools(np.isnan), gives="bool", grad=False, torch="isnan")
unary("isinf", _bools(np.isinf), gives="bool", grad=False, torch="isinf")
unary("isfinite", _bools(np.isfinite), gives="bool", grad=False, torch="isfinite")
unary("bool_not", lambda x: Ref(~x.v), takes="logical", grad=False, special=False, torch="bitwise_not",
      laws=(Law("involution", lambda x: ~~x, same),), errors=(wrong_dtype(ops.bool_not, "bool_not", dtype="f32"),))  # fmt: skip
unary("clamp", clamp, away, takes="number", kwargs={"lo": 1, "hi": 3}, extra=(S("edges", values(1.0, 3.0, 2.0, 0.0), lo=1, hi=3),),
      torch=lambda t, x, lo, hi: t.clamp(x, lo, hi),
      errors=(ErrorSample("lo above hi", lambda d: d.ones((2,)).clamp(1.0, 0.0), ValueError, ("[clamp]", "1.0", "0.0")),))  # fmt: skip
unary("nans_to", lambda x, value: R.where(np.isnan(x.v), value, x), kwargs={"value": 0.25},
      torch=lambda t, x, value: t.where(t.isnan(x), t.full_like(x, value), x))  # fmt: skip
unary("leaky_relu", leaky_relu, away, kwargs={"a": 0.25}, extra=(S("kink", values(0.0), a=0.25),), special=False,
      torch=lambda t, x, a: t.nn.functional.leaky_relu(x, a))  # fmt: skip

add(OpInfo("powf", lambda x, p: R.pow(x, p), (
    *elementwise(positive, special=False, p=2.5),
    *[S(f"power {p}", positive(7), p=p) for p in (0.5, -1.5, 1.0, 4.0)],
    S("power 0 at 0", values(0.0, 1.0, 2.0), p=0.0),
), family="unary", torch="pow", errors=(wrong_dtype(ops.powf, "powf", p=2.5),)))  # fmt: skip
for _n in (2, 3):
    add(OpInfo(f"powi_{_n}", (lambda x: x * x) if _n == 2 else (lambda x: x * (x * x)), elementwise(normal),
               call=lambda x, n=_n: x.powi(n), takes="number", family="unary", torch=lambda t, x, n=_n: x**n))  # fmt: skip
add(OpInfo("powi", lambda x, n: R.pow(x, float(n)), (S("cube of a vector", positive(5), n=4),), family="unary",
           torch=lambda t, x, n: x**n,
           errors=(ErrorSample("a fraction", lambda d: d.ones((2,)).powi(2.5), TypeError, ("[powi]", "2.5")),)))  # fmt: skip
