"""Elementwise ops of one tensor: each is an expression, so each is a line."""

from __future__ import annotations

from typing import Any

from ..dispatch import apply
from ..dtypes import bool_
from ..elementwise import Elementwise
from ..errors import DTypeError
from ..expr import arg, scalar
from ..expr import functions as F
from ..registry import register
from ..tensor import Tensor, is_scalar, method
from ._define import FUNCTIONS, as_tensor, public, unary

unary("abs", F.abs, "Absolute value; the gradient at 0 is 0.", takes="number", aliases=("__abs__",))
unary("negate", F.neg, "-x.", takes="number", aliases=("neg", "__neg__"))
unary("relu", F.relu, "max(x, 0), NaN stays NaN; the gradient at 0 is 0.", gradient=F.relu_gradient)
unary(
    "fast_gelu",
    F.fast_gelu,
    "GELU by tanh: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Source: PyTorch `gelu(approximate='tanh')`.",
)
unary(
    "accurate_gelu", F.accurate_gelu, "GELU: 0.5 x (1 + erf(x / sqrt(2))), with its true derivative.", aliases=("gelu",)
)
unary("sigmoid", F.sigmoid, "1 / (1 + exp(-x)).", gradient=F.sigmoid_gradient)
unary("tanh", F.tanh, "Hyperbolic tangent.")
unary("exp", F.exp, "e^x.")
unary("expm1", F.expm1, "e^x - 1, accurate near 0.")
unary("ln", F.log, "Natural logarithm.", aliases=("log",))
unary("log1p", F.log1p, "ln(1 + x), accurate near 0.")
unary("sin", F.sin, "Sine of an angle in radians.")
unary("cos", F.cos, "Cosine of an angle in radians.")
unary("tan", F.tan, "Tangent of an angle in radians.")
unary("erf", F.erf, "Error function.")
unary("sqrt", F.sqrt, "Square root; the gradient at 0 is infinite.")
unary("rsqrt", F.rsqrt, "1 / sqrt(x).")
unary("square", F.square, "x * x.", takes="number")
unary("recip", F.recip, "1 / x.", aliases=("reciprocal",))
unary("softplus", F.softplus, "ln(1 + e^x), stable.")
unary("floor", F.floor, "Largest integer not above x; the gradient is 0.")
unary("ceil", F.ceil, "Smallest integer not below x; the gradient is 0.")
unary("round", F.round, "Nearest integer, halves to even; the gradient is 0.")
unary("trunc", F.trunc, "Integer part, towards 0; the gradient is 0.")
unary("sign", F.sign, "-1, 0 or 1; the gradient is 0.", takes="number")
unary("isnan", F.isnan, "Whether each element is NaN.", gives="bool", gradient=None)
unary("isfinite", F.isfinite, "Whether each element is neither NaN nor infinite.", gives="bool", gradient=None)
unary("isinf", F.isinf, "Whether each element is infinite.", gives="bool", gradient=None)
unary(
    "bool_not",
    F.not_,
    "Logical not of bools, bitwise not of integers.",
    takes="logical",
    gradient=None,
    aliases=("logical_not", "__invert__"),
)

_POW = register(
    Elementwise("powf", F.pow(arg(0), scalar(0)), 1, n_scalars=1, family="unary", doc="x^p for a Python number p.")
)
_FROM_NUMBER = register(
    Elementwise(
        "scalar_power", F.pow(scalar(0), arg(0)), 1, n_scalars=1, family="unary", doc="s^x for a Python number s."
    )
)
_INT_POW = {
    n: register(Elementwise(f"powi_{n}", e, 1, takes="number", family="unary", doc=f"x^{n} by multiplication."))
    for n, e in ((2, F.square(arg(0))), (3, arg(0) * F.square(arg(0))))
}
_CLAMP = register(
    Elementwise(
        "clamp",
        F.clamp(arg(0), scalar(0), scalar(1)),
        1,
        n_scalars=2,
        takes="number",
        gradient=F.clamp_gradient(scalar(0), scalar(1)),
        family="unary",
        doc="Clip to [lo, hi]; the gradient is 1 at both edges.",
    )
)
_NANS_TO = register(
    Elementwise("nans_to", F.nans_to(arg(0), scalar(0)), 1, n_scalars=1, family="unary", doc="Replace NaN by a number.")
)
_LEAKY = register(
    Elementwise(
        "leaky_relu", F.prelu(arg(0), scalar(0)), 1, n_scalars=1, family="unary", doc="x where x > 0, else a x."
    )
)


def number(op: str, x: Tensor, value: Any) -> Any:
    """A Python number fit to meet x: it takes x's dtype; a fraction beside integers is a `DTypeError`."""
    if not is_scalar(value):
        raise TypeError(f"[{op}] takes a Python number beside {x.type_text}, not {type(value).__name__}")
    if not isinstance(value, (bool, int, float)):
        value = value.item()
    if x.dtype.is_float:
        return value if type(value) is float else float(value)
    if x.dtype is bool_ and not isinstance(value, bool):
        raise DTypeError(f"[{op}] a bool tensor meets True or False, not {value!r}")
    if x.dtype.is_int:
        from ..device import _fitting

        if isinstance(value, (float, bool)):
            raise DTypeError(
                f"[{op}] a Python {type(value).__name__} beside {x.type_text}\n  hint: x.to_dtype(dfdx.f32) first"
            )
        return _fitting(op, value, x.dtype)
    return value


def _with_numbers(spec: Any, x: Tensor, *values: Any) -> Tensor:
    as_tensor(spec.name, x)
    return apply(spec, (x,), (), tuple([number(spec.name, x, v) for v in values]))


@public("pow", "__pow__")
def powf(x: Tensor, p: Any) -> Tensor:
    """x to the power of a Python number, or elementwise of another float tensor.

    The gradient at x = 0, p = 0 is 0. Source: `torch.pow`.
    """
    if isinstance(p, Tensor):
        return FUNCTIONS["power"](x, p)
    if type(p) is int and p in _INT_POW:
        return apply(_INT_POW[p], (as_tensor("powf", x),))
    if isinstance(x, Tensor) and x.dtype.is_int:
        raise DTypeError(
            f"[powf] integers are raised to 2 or 3 only, not {x.type_text} to {p!r}\n  hint: x.to_dtype(dfdx.f32) first"
        )
    return _with_numbers(_POW, x, p)


def _number_to(x: Tensor, s: Any) -> Any:
    return _with_numbers(_FROM_NUMBER, x, s) if is_scalar(s) else NotImplemented


method(_number_to, "__rpow__")


@public()
def powi(x: Tensor, n: int) -> Tensor:
    """x to the power of an int."""
    if type(n) is not int:
        raise TypeError(f"[powi] takes an int, not {n!r}; powf takes a float")
    return powf(x, n)


@public("clip")
def clamp(x: Tensor, lo: Any, hi: Any) -> Tensor:
    """Clip to [lo, hi]; NaN stays. The gradient is 1 inside and at both edges, else 0."""
    if lo > hi:
        raise ValueError(f"[clamp] lo = {lo} is above hi = {hi}")
    return _with_numbers(_CLAMP, x, lo, hi)


@public()
def nans_to(x: Tensor, value: float) -> Tensor:
    """Replace NaN by `value`; infinities stay. The gradient at NaN is 0."""
    return _with_numbers(_NANS_TO, x, value)


@public("leakyrelu")
def leaky_relu(x: Tensor, a: float = 0.01) -> Tensor:
    """x where x > 0, else a x; the gradient at 0 is a, as in PyTorch."""
    return _with_numbers(_LEAKY, x, a)
