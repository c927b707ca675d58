"""Comparisons and logic: bool results, no gradient, and they never take a tape."""

from __future__ import annotations

from typing import Any

from ..dispatch import apply
from ..dtypes import bool_
from ..elementwise import Elementwise
from ..expr import arg, scalar, select
from ..expr import functions as F
from ..registry import register
from ..tensor import Tensor, is_scalar, method
from ._define import as_tensor, public
from .unary import number


def _define(
    name: str,
    build: Any,
    takes: str,
    gives: Any,
    dunder: str,
    doc: str,
    aliases: tuple[str, ...] = (),
    mirrored: str = "",
) -> None:
    two = register(
        Elementwise(name, build(arg(0), arg(1)), 2, takes=takes, gives=gives, gradient=None, family="compare", doc=doc)
    )
    by_number = register(
        Elementwise(
            f"{name}_scalar",
            build(arg(0), scalar(0)),
            1,
            n_scalars=1,
            takes=takes,
            gives=gives,
            gradient=None,
            family="compare",
            doc=f"{doc} With a Python number.",
        )
    )

    def function(a: Tensor, b: Any) -> Any:
        if isinstance(b, Tensor):
            return apply(two, (as_tensor(name, a), b))
        if is_scalar(b):
            return apply(by_number, (as_tensor(name, a),), (), (number(name, a, b),))
        raise TypeError(f"[{name}] compares a tensor with a tensor or a Python number, not {type(b).__name__}")

    def operator(a: Tensor, b: Any) -> Any:
        return function(a, b) if isinstance(b, Tensor) or is_scalar(b) else NotImplemented

    function.__name__, function.__doc__ = name, doc
    public(*aliases)(function)
    method(operator, f"__{dunder}__", *([mirrored] if mirrored else []))


_define("eq", F.eq, "any", "bool", "eq", "a == b; NaN equals nothing.")
_define("ne", F.ne, "any", "bool", "ne", "a != b.")
_define("lt", F.lt, "any", "bool", "lt", "a < b.")
_define("le", F.le, "any", "bool", "le", "a <= b.")
_define("gt", F.gt, "any", "bool", "gt", "a > b.")
_define("ge", F.ge, "any", "bool", "ge", "a >= b.")
_define(
    "bool_and",
    F.and_,
    "logical",
    "same",
    "and",
    "Logical and of bools, bitwise and of integers.",
    ("logical_and",),
    "__rand__",
)
_define(
    "bool_or",
    F.or_,
    "logical",
    "same",
    "or",
    "Logical or of bools, bitwise or of integers.",
    ("logical_or",),
    "__ror__",
)
_define(
    "bool_xor",
    F.xor,
    "logical",
    "same",
    "xor",
    "Logical exclusive or of bools, bitwise of integers.",
    ("logical_xor",),
    "__rxor__",
)

Tensor.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]  # __eq__ compares values; tensors stay usable as keys by identity


_WHERE = register(
    Elementwise(
        "where",
        select(arg(0), arg(1), arg(2)),
        3,
        takes="any",
        first=bool_,
        family="compare",
        aliases=("choose",),
        doc="a where cond, else b.",
    )
)


@public(methods=False)
def where(cond: Tensor, a: Any, b: Any) -> Tensor:
    """a where `cond` (bool), else b; all of one shape. One of a and b may be a Python number.

    >>> import dfdx
    >>> t = dfdx.device("cpu").tensor([-1.0, 2.0])
    >>> dfdx.where(t > 0.0, t, 0.0).tolist()
    [0.0, 2.0]
    """
    as_tensor("where", cond)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        raise TypeError("[where] one of a and b must be a tensor, to give the dtype")
    if not isinstance(a, Tensor):
        a = b.device.full(b.shape, number("where", b, a), b.dtype)
    if not isinstance(b, Tensor):
        b = a.device.full(a.shape, number("where", a, b), a.dtype)
    return apply(_WHERE, (cond, a, b))


@public()
def choose(cond: Tensor, a: Any, b: Any) -> Tensor:
    """`cond.choose(a, b)`: a where cond, else b."""
    return where(cond, a, b)
