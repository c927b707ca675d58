"""Every function of the expression language, in one table.

A native function is known to every printer; any other has an expansion into natives. Derivatives are written in the same
language: `derivative(args, y, g)` gives the adjoint of each argument, where y is the function's own value.
ULP is the accuracy that a conforming device owes: the OpenCL full-profile minima.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from math import sqrt as _root
from typing import Any, NamedTuple

from .nodes import Expr, as_expr, const, is_const, make, row_sum, select

Adjoints = tuple[Expr | None, ...]
Builder = Callable[..., Expr]


class Function(NamedTuple):
    """One native function: arity, what it gives, its derivative, its ULP, and its NumPy and C spellings."""

    name: str
    arity: int
    gives: str  # "same" as its operands, "bool"
    derivative: Callable[[tuple[Expr, ...], Expr, Expr], Adjoints] | None
    ulp: float
    numpy: str
    c: str


NATIVE: dict[str, Function] = {}


def _native(
    name: str, arity: int, derivative: Any, ulp: float, numpy: str, c: str, gives: str = "same"
) -> Callable[..., Expr]:
    NATIVE[name] = Function(name, arity, gives, derivative, ulp, numpy, c)

    def build(*args: Any) -> Expr:
        return make(name, *[as_expr(a) for a in args])

    build.__name__ = name
    return build


def _keep(cond: Expr, g: Any) -> Expr:
    """g where cond, else an exact 0 (also where g is not finite)."""
    return select(cond, g, const(0.0))


# ----- arithmetic

add = _native("add", 2, lambda a, y, g: (g, g), 0.5, "np.add", "({0} + {1})")
sub = _native("sub", 2, lambda a, y, g: (g, -g), 0.5, "np.subtract", "({0} - {1})")
mul = _native("mul", 2, lambda a, y, g: (g * a[1], g * a[0]), 0.5, "np.multiply", "({0} * {1})")
div = _native("div", 2, lambda a, y, g: (g / a[1], -(g * y) / a[1]), 2.5, "np.divide", "({0} / {1})")
neg = _native("neg", 1, lambda a, y, g: (-g,), 0, "np.negative", "(-{0})")
abs = _native("abs", 1, lambda a, y, g: (g * sign(a[0]),), 0, "np.absolute", "M_ABS({0})")
floordiv = _native("floordiv", 2, None, 0, "np.floor_divide", "M_FLOORDIV({0}, {1})")
mod = _native("mod", 2, lambda a, y, g: (g, None), 0, "np.remainder", "M_MOD({0}, {1})")


def _winner(loses: Expr, tie: Expr, g: Expr) -> Expr:
    """All of g unless it loses, half at a tie; both get it beside a NaN."""
    return select(tie, g * 0.5, select(loses, const(0.0), g))


maximum = _native(
    "maximum",
    2,
    lambda a, y, g: (_winner(a[0] < a[1], eq(*a), g), _winner(a[1] < a[0], eq(*a), g)),
    0,
    "np.maximum",
    "M_MAX({0}, {1})",
)
minimum = _native(
    "minimum",
    2,
    lambda a, y, g: (_winner(a[0] > a[1], eq(*a), g), _winner(a[1] > a[0], eq(*a), g)),
    0,
    "np.minimum",
    "M_MIN({0}, {1})",
)


def _pow_derivative(a: tuple[Expr, ...], y: Expr, g: Expr) -> Adjoints:
    x, p = a
    dx = select(eq(p, 0.0), const(0.0), g * p * pow(x, p - 1.0))
    dp = select(and_(eq(x, 0.0), p >= 0.0), const(0.0), g * y * log(x))
    return dx, dp


pow = _native("pow", 2, _pow_derivative, 16, "np.power", "M_POW({0}, {1})")

# ----- functions of one argument

sqrt = _native("sqrt", 1, lambda a, y, g: (g * 0.5 / y,), 3, "np.sqrt", "M_SQRT({0})")
exp = _native("exp", 1, lambda a, y, g: (g * y,), 3, "np.exp", "M_EXP({0})")
expm1 = _native("expm1", 1, lambda a, y, g: (g * (y + 1.0),), 3, "np.expm1", "M_EXPM1({0})")
log: Builder = _native("log", 1, lambda a, y, g: (g / a[0],), 3, "np.log", "M_LOG({0})")
log1p = _native("log1p", 1, lambda a, y, g: (g / (a[0] + 1.0),), 2, "np.log1p", "M_LOG1P({0})")
sin: Builder = _native("sin", 1, lambda a, y, g: (g * cos(a[0]),), 4, "np.sin", "M_SIN({0})")
cos: Builder = _native("cos", 1, lambda a, y, g: (-(g * sin(a[0])),), 4, "np.cos", "M_COS({0})")
tan = _native("tan", 1, lambda a, y, g: (g * (1.0 + y * y),), 5, "np.tan", "M_TAN({0})")
tanh = _native("tanh", 1, lambda a, y, g: (g * (1.0 - y * y),), 5, "np.tanh", "M_TANH({0})")
erf = _native("erf", 1, lambda a, y, g: (g * (2.0 / _root(pi)) * exp(-(a[0] * a[0])),), 16, "erf", "M_ERF({0})")
floor = _native("floor", 1, lambda a, y, g: (None,), 0, "np.floor", "M_FLOOR({0})")
ceil = _native("ceil", 1, lambda a, y, g: (None,), 0, "np.ceil", "M_CEIL({0})")
round = _native("round", 1, lambda a, y, g: (None,), 0, "np.rint", "M_RINT({0})")
trunc = _native("trunc", 1, lambda a, y, g: (None,), 0, "np.trunc", "M_TRUNC({0})")
sign: Builder = _native("sign", 1, lambda a, y, g: (None,), 0, "np.sign", "M_SIGN({0})")

# ----- comparisons and logic

eq: Builder = _native("eq", 2, None, 0, "np.equal", "({0} == {1})", "bool")
ne = _native("ne", 2, None, 0, "np.not_equal", "({0} != {1})", "bool")
lt = _native("lt", 2, None, 0, "np.less", "({0} < {1})", "bool")
le = _native("le", 2, None, 0, "np.less_equal", "({0} <= {1})", "bool")
gt = _native("gt", 2, None, 0, "np.greater", "({0} > {1})", "bool")
ge = _native("ge", 2, None, 0, "np.greater_equal", "({0} >= {1})", "bool")
isnan = _native("isnan", 1, None, 0, "np.isnan", "M_ISNAN({0})", "bool")
isfinite = _native("isfinite", 1, None, 0, "np.isfinite", "M_ISFINITE({0})", "bool")
and_ = _native("and", 2, None, 0, "np.bitwise_and", "({0} & {1})")
or_ = _native("or", 2, None, 0, "np.bitwise_or", "({0} | {1})")
xor = _native("xor", 2, None, 0, "np.bitwise_xor", "({0} ^ {1})")
not_ = _native("not", 1, None, 0, "np.invert", "M_NOT({0})")

NATIVE["select"] = Function(
    "select",
    3,
    "same",
    lambda a, y, g: (None, _keep(a[0], g), select(a[0], const(0.0), g)),
    0,
    "np.where",
    "({0} ? {1} : {2})",
)
NATIVE["cast"] = Function("cast", 1, "cast", None, 0.5, "", "")

# ----- expansions


def recip(x: Expr) -> Expr:
    return make("div", const(1.0), as_expr(x))


def rsqrt(x: Expr) -> Expr:
    return make("div", const(1.0), sqrt(x))


def square(x: Expr) -> Expr:
    return x * x


def sigmoid(x: Expr) -> Expr:
    """1 / (1 + e^-x): e^-x overflows to infinity harmlessly, so no branch is needed."""
    return 1.0 / (1.0 + exp(-x))


def sigmoid_gradient(g: Expr, x: Expr, y: Expr) -> Adjoints:
    """g s(x) s(-x): unlike y (1 - y) it keeps its accuracy where y is near 1."""
    return (g * (sigmoid(x) * sigmoid(-x)),)


def logistic_exponent(node: Expr) -> Expr | None:
    """z where a node is 1 / (1 + e^z). The derivative of its parts would be 0 times infinity for a large z."""
    if node.op == "div" and is_const(node.args[0], 1) and node.args[1].op == "add":
        one, power = node.args[1].args
        if is_const(one, 1) and power.op == "exp":
            return power.args[0]
    return None


def softplus(x: Expr) -> Expr:
    """ln(1 + e^x) without overflow."""
    return maximum(x, const(0.0)) + log1p(exp(-abs(x)))


def relu(x: Expr) -> Expr:
    """max(x, 0), NaN kept; as an op its gradient at 0 is 0 (`relu_gradient`)."""
    return maximum(x, const(0.0))


def relu_gradient(g: Expr, x: Expr, y: Expr) -> Adjoints:
    return (select(x <= const(0.0), const(0.0), g),)


def fast_gelu(x: Expr) -> Expr:
    return 0.5 * x * (1.0 + tanh(_root(2 / pi) * (x + 0.044715 * (x * x * x))))


def accurate_gelu(x: Expr) -> Expr:
    return 0.5 * x * (1.0 + erf(x * _root(0.5)))


def normalized_gradient(g: Expr, x: Expr, n: Expr, eps: Expr) -> tuple[Expr, Expr]:
    """(gradient of x, y) of y = (x - mean) / sqrt(var + eps) along rows of 1 / n elements: two passes over a row, and one for the results.

    Source: arXiv 1502.03167, section 3.
    """
    centred = x - row_sum(x) * n
    scale = 1.0 / sqrt(row_sum(centred * centred) * n + eps)
    along = row_sum(g * centred) * n * scale * scale
    return (g - row_sum(g) * n - centred * along) * scale, centred * scale


def clamp(x: Expr, lo: Any, hi: Any) -> Expr:
    """Clip by comparisons, so that NaN stays; both edges belong to the inside."""
    return select(x < lo, lo, select(x > hi, hi, x))


def clamp_gradient(lo: Any, hi: Any) -> Callable[..., Adjoints]:
    return lambda g, x, y: (_keep(and_(x >= lo, x <= hi), g),)


def prelu(x: Expr, a: Any) -> Expr:
    return select(x > const(0.0), x, x * a)


def prelu_gradient(g: Expr, x: Expr, a: Expr, y: Expr) -> Adjoints:
    return select(x > const(0.0), g, g * a), select(x > const(0.0), const(0.0), g * x)


def nans_to(x: Expr, value: Any) -> Expr:
    return select(isnan(x), value, x)


def isinf(x: Expr) -> Expr:
    return eq(abs(x), float("inf"))


def bce_with_logits(logit: Expr, prob: Expr) -> Expr:
    return (maximum(logit, const(0.0)) - logit * prob) + log1p(exp(-abs(logit)))


def huber_error(a: Expr, b: Expr, delta: Expr) -> Expr:
    """c (d - c / 2), where c is d clipped to delta: 0.5 d^2 inside, delta (|d| - delta / 2) outside."""
    d = a - b
    c = clamp(d, -delta, delta)
    return c * (d - 0.5 * c)


CONST_FREE = frozenset({"arg", "scalar", "const", "index", "random"})
REDUCTIONS = {"row_sum": "sum", "row_max": "max", "row_min": "min", "row_prod": "prod"}
