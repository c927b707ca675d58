"""Elementwise ops of two tensors of one shape and dtype, or of a tensor and a Python number."""

from __future__ import annotations

from typing import Any

from ..calls import short_call
from ..dispatch import apply
from ..elementwise import Elementwise
from ..expr import arg, scalar
from ..expr import functions as F
from ..registry import register
from ..tensor import Tensor, is_scalar, method
from ._define import as_tensor, public
from .unary import number

x, y, s, r = arg(0), arg(1), scalar(0), scalar(1)


def _arithmetic(name: str, two: Any, left: Any, right: Any, takes: str, dunder: str, doc: str) -> None:
    """An operator in its three forms: tensor and tensor, tensor and number, number and tensor."""
    spec = register(Elementwise(name, two, 2, takes=takes, family="binary", doc=doc))
    by_number = register(
        Elementwise(
            f"{name}_scalar", left, 1, n_scalars=1, takes=takes, family="binary", doc=f"{doc} With a Python number."
        )
    )
    number_by = (
        by_number
        if right is None
        else register(
            Elementwise(
                f"scalar_{name}",
                right,
                1,
                n_scalars=1,
                takes=takes,
                family="binary",
                doc=f"{doc} From a Python number.",
            )
        )
    )

    def function(a: Tensor, b: Any) -> Tensor:
        if isinstance(b, Tensor):
            if isinstance(a, Tensor):
                return apply(spec, (a, b))
            return reflected(b, a)
        as_tensor(name, a)
        return apply(by_number, (a,), (), (number(name, a, b),))

    def with_number(a: Tensor, s: Any) -> Any:
        return apply(by_number, (a,), (), (s,))

    with_number = short_call(by_number, with_number, ("a",), ("s",))

    def operator(a: Tensor, b: Any) -> Any:
        if type(b) is Tensor:
            return apply(spec, (a, b))
        if is_scalar(b):
            return with_number(a, b if type(b) is float and a.dtype.is_float else number(name, a, b))
        return NotImplemented

    def reflected(a: Tensor, b: Any) -> Any:
        return apply(number_by, (a,), (), (number(name, a, b),)) if is_scalar(b) else NotImplemented

    function.__name__, function.__doc__ = name, doc
    public()(short_call(spec, function, ("a", "b")))
    method(short_call(spec, operator, ("a", "b")), f"__{dunder}__")
    method(reflected, f"__r{dunder}__")


_arithmetic("add", x + y, x + s, None, "number", "add", "a + b of equal shapes, or a tensor and a Python number.")
_arithmetic("sub", x - y, x - s, s - x, "number", "sub", "a - b of equal shapes, or a tensor and a Python number.")
_arithmetic("mul", x * y, x * s, None, "number", "mul", "a * b of equal shapes, or a tensor and a Python number.")
_arithmetic(
    "div",
    x / y,
    x / s,
    s / x,
    "float",
    "truediv",
    "a / b of equal shapes, or a tensor and a Python number; floats only.",
)


def binary(
    name: str, build: Any, doc: str, *, takes: str = "float", gradient: Any = "derived", aliases: tuple[str, ...] = ()
) -> Any:
    """Define an op of two tensors from its expression."""
    spec = register(
        Elementwise(name, build, 2, takes=takes, gradient=gradient, family="binary", aliases=aliases, doc=doc)
    )

    def function(a: Tensor, b: Tensor) -> Tensor:
        return apply(spec, (as_tensor(name, a), as_tensor(name, b)))

    function.__name__, function.__doc__ = name, doc
    return public(*aliases)(short_call(spec, function, ("a", "b")))


binary(
    "maximum", F.maximum(x, y), "Larger of two; NaN propagates, ties share the gradient half and half.", takes="number"
)
binary(
    "minimum", F.minimum(x, y), "Smaller of two; NaN propagates, ties share the gradient half and half.", takes="number"
)
binary("power", F.pow(x, y), "a to the power b, elementwise.")
binary(
    "bce_with_logits",
    F.bce_with_logits(x, y),
    "Binary cross entropy of a logit and a probability: max(l, 0) - l p + ln(1 + e^-|l|).",
)

_HUBER = register(
    Elementwise(
        "huber_error",
        F.huber_error(x, y, s),
        2,
        n_scalars=1,
        family="binary",
        doc="0.5 d^2 below delta, else delta |d| - 0.5 delta^2.",
    )
)
_PRELU = register(
    Elementwise("prelu", F.prelu(x, y), 2, gradient=F.prelu_gradient, family="binary", doc="x where x > 0, else a x.")
)


@public()
def huber_error(a: Tensor, b: Tensor, delta: float = 1.0) -> Tensor:
    """Huber error of d = a - b: 0.5 d^2 where |d| < delta, else delta |d| - 0.5 delta^2."""
    as_tensor("huber_error", b)
    return apply(_HUBER, (as_tensor("huber_error", a), b), (), (number("huber_error", a, delta),))


@public()
def prelu(x: Tensor, a: Any) -> Tensor:
    """x where x > 0, else a x, for a tensor `a` of the same shape or a Python number."""
    if isinstance(a, Tensor):
        return apply(_PRELU, (as_tensor("prelu", x), a))
    return as_tensor("prelu", x).leaky_relu(a)


_AXPY = register(
    Elementwise("axpy", s * x + r * y, 2, n_scalars=2, takes="number", family="binary", doc="alpha a + beta b.")
)


@public(methods=False)
def axpy(a: Tensor, alpha: float, b: Tensor, beta: float) -> Tensor:
    """alpha * a + beta * b as a new tensor; the method `a.axpy(alpha, b, beta)` writes it into a."""
    as_tensor("axpy", b)
    return apply(_AXPY, (as_tensor("axpy", a), b), (), (number("axpy", a, alpha), number("axpy", a, beta)))
