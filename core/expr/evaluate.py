"""Running an expression over any array namespace: the reference for every printer, and the slow path of simple backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .functions import REDUCTIONS
from .nodes import Expr, walk
from .program import MapProgram

__all__ = ["evaluate", "evaluate_program", "erf_by"]

_NAMES = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "abs": "abs", "floordiv": "floor_divide",
    "mod": "remainder", "maximum": "maximum", "minimum": "minimum", "pow": "pow", "sqrt": "sqrt", "exp": "exp", "expm1": "expm1",
    "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh", "floor": "floor", "ceil": "ceil",
    "round": "round", "trunc": "trunc", "sign": "sign", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "isnan": "isnan", "isfinite": "isfinite",
}  # fmt: skip
_LOGIC = {"and": "logical_and", "or": "logical_or", "xor": "logical_xor", "not": "logical_not"}


def evaluate(expr: Expr, xp: Any, args: Sequence[Any], scalars: Sequence[Any] = (), **context: Any) -> Any:
    """The value of one expression, in the namespace's own promotion; `args` are arrays of one shape.

    * `context`: `index` and `words` (arrays for those leaves), `axes` (the reduced axes of a row program).
    """
    return evaluate_all([expr], xp, args, scalars, **context)[0]


def evaluate_all(
    roots: Sequence[Expr], xp: Any, args: Sequence[Any], scalars: Sequence[Any] = (), *, index: Any = None, words: Any = None,
    axes: tuple[int, ...] = (), types: dict[Expr, Any] | None = None, dtype_of: Any = None,
) -> list[Any]:  # fmt: skip
    """The values of several expressions, common parts computed once."""
    values: dict[Expr, Any] = {}
    for n in walk(roots):
        xs = [values[a] for a in n.args]
        if n.op == "arg":
            values[n] = args[n.value]
        elif n.op in ("const", "scalar"):
            raw = n.value if n.op == "const" else scalars[n.value]
            values[n] = (
                xp.asarray(raw, dtype=dtype_of(types[n]))
                if types is not None and types[n].name != "u64" and not _seed(n, roots)
                else raw
            )
        elif n.op == "index":
            values[n] = index
        elif n.op == "random":
            values[n] = words(*xs) if callable(words) else words
        elif n.op == "cast":
            values[n] = xp.astype(xs[0], dtype_of(n.value.compute) if dtype_of else n.value.numpy)
        elif n.op == "select":
            values[n] = xp.where(xs[0], xs[1], xs[2])
        elif n.op in REDUCTIONS:
            values[n] = getattr(xp, REDUCTIONS[n.op])(xs[0], axis=axes, keepdims=True)
        else:
            values[n] = _call(n.op, xp, xs)
    return [values[r] for r in roots]


def _seed(n: Expr, roots: Sequence[Expr]) -> bool:
    return n.op == "scalar" and any(m.op == "random" and n in m.args for m in walk(roots))


def _call(op: str, xp: Any, xs: list[Any]) -> Any:
    if op == "erf":
        return erf_by(xp, xs[0])
    if op in _LOGIC:
        is_bool = str(getattr(xs[0], "dtype", "")).endswith("bool")
        name = _LOGIC[op] if is_bool else {"not": "bitwise_invert"}.get(op, _LOGIC[op].replace("logical", "bitwise"))
        return getattr(xp, name)(*xs)
    return getattr(xp, _NAMES[op])(*xs)


# erf in three ranges. Source: W. J. Cody, Rational Chebyshev approximations for the error function (1969).
_A = (
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
    1.85777706184603153e-1,
)
_B = (2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03)
_C = (5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e01, 2.98635138197400131e02, 8.81952221241769090e02,
      1.71204761263407058e03, 2.05107837782607147e03, 1.23033935479799725e03, 2.15311535474403846e-8)  # fmt: skip
_D = (1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03, 3.29079923573345963e03,
      4.36261909014324716e03, 3.43936767414372164e03, 1.23033935480374942e03)  # fmt: skip


def erf_by(xp: Any, x: Any) -> Any:
    """erf over any namespace, within 2 ulp in f64 and f32."""
    y = xp.abs(x)
    z = xp.where(y <= 0.46875, x * x, xp.zeros_like(x))
    num, den = _A[4] * z, z
    for i in range(3):
        num, den = (num + _A[i]) * z, (den + _B[i]) * z
    small = x * ((num + _A[3]) / (den + _B[3]))
    t = xp.where(y > 5.9, xp.ones_like(y) * 5.9, xp.where(y < 0.46875, xp.ones_like(y) * 0.46875, y))
    num, den = _C[8] * t, t
    for i in range(7):
        num, den = (num + _C[i]) * t, (den + _D[i]) * t
    tail = 1.0 - xp.exp(-t * t) * ((num + _C[7]) / (den + _D[7]))
    big = xp.where(x < 0, -tail, tail)
    out = xp.where(y <= 0.46875, small, xp.where(y > 5.9, xp.sign(x), big))
    return xp.where(xp.isnan(x), x, out)


def evaluate_program(
    program: MapProgram, xp: Any, args: Sequence[Any], scalars: Sequence[Any], *, dtype_of: Any = None, **context: Any
) -> list[Any]:
    """Run a program with its dtypes: narrow arguments widened, each output rounded once."""
    to = dtype_of or (lambda d: d.numpy)
    wide = [
        xp.astype(a, to(d.compute)) if d.compute is not d else a for a, d in zip(args, program.in_dtypes, strict=True)
    ]
    outs = evaluate_all(program.outputs, xp, wide, scalars, types=program.types, dtype_of=to, **context)
    return [xp.astype(xp.asarray(o), to(d)) for o, d in zip(outs, program.out_dtypes, strict=True)]


def index_array(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The logical linear index of each element."""
    n = int(np.prod(shape)) if shape else 1
    return np.arange(n, dtype=np.int64).reshape(shape)
