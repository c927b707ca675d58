"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError, ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, normal, values

add(OpInfo("matmul", R.matmul, (
    S("matrices", normal(2, 3), normal(3, 4)), S("square", normal(16, 16), normal(16, 16)), S("vector by matrix", normal(3), normal(3, 4)),
    S("matrix by vector", normal(2, 3), normal(3)), S("batch by matrix", normal(5, 2, 3), normal(3, 4)), S("batches", normal(5, 2, 3), normal(5, 3, 4)),
    S("two batch dims", normal(2, 5, 2, 3), normal(2, 5, 3, 4)), S("inner size 1", normal(3, 1), normal(1, 4)).at("standard"),
    S("a row by a column", normal(1, 33), normal(33, 1)).at("standard"), S("one element", normal(1, 1), normal(1, 1)).at("standard"),
    S("odd sizes", normal(17, 67), normal(67, 131)).at("standard"), S("tall", normal(1000, 3), normal(3, 5)).at("standard"),
    S("long inner", normal(3, 4099), normal(4099, 2)).at("standard"), S("large", normal(257, 263), normal(263, 129)).at("standard"),
    S("huge inner", normal(4, 65536), normal(65536, 4)).at("exhaustive"),
    S("empty inner", normal(2, 0), normal(0, 3)), S("no rows", normal(0, 3), normal(3, 2)), S("empty batch", normal(0, 2, 3), normal(0, 3, 4)).at("standard"),
    S("NaN and infinity", values([[np.nan, 1.0], [np.inf, 1.0], [0.0, 1.0]]), values([[1.0, 0.0], [1.0, 1.0]])).only("float").without_gradient(),
), takes="number", family="matmul", torch="matmul", errors=(
    ErrorSample("inner dims differ", lambda d: d.ones((2, 3)) @ d.ones((4, 5)), ShapeError, ("[matmul]", "f32[2, 3]", "f32[4, 5]", "a.shape[-1] = 3", "b.shape[-2] = 4")),
    ErrorSample("two vectors", lambda d: d.ones((3,)) @ d.ones((3,)), ShapeError, ("dot", "outer")),
    ErrorSample("batches differ", lambda d: d.ones((2, 3, 4)) @ d.ones((5, 4, 3)), ShapeError, ("[matmul]", "f32[2, 3, 4]", "f32[5, 4, 3]")),
    ErrorSample("dtypes differ", lambda d: d.ones((2, 2)) @ d.ones((2, 2), "f16"), DTypeError, ("[matmul]", "f16[2, 2]")),
    ErrorSample("bools", lambda d: d.ones((2, 2), "bool") @ d.ones((2, 2), "bool"), DTypeError, ("[matmul]",)),
)))  # fmt: skip
add(OpInfo("dot", R.matmul, (S("vectors", normal(7), normal(7)), S("one", normal(1), normal(1)), S("none", normal(0), normal(0)), S("long", normal(4099), normal(4099)).at("standard")),
           takes="number", family="matmul", torch="dot",
           errors=(ErrorSample("lengths differ", lambda d: d.ones((2,)).dot(d.ones((3,))), ShapeError, ("[dot]", "f32[2]", "f32[3]")),)))  # fmt: skip
add(
    OpInfo(
        "outer",
        lambda a, b: R.einsum("i,j->ij", a, b),
        (S("vectors", normal(3), normal(4)),),
        takes="number",
        family="matmul",
        torch="outer",
    )
)


def linear(x: Any, w: Any, b: Any = None) -> Any:
    y = R.einsum("rk,nk->rn", R.reshape(x, (-1, x.shape[-1])), w)
    y = R.reshape(y, (*x.shape[:-1], w.shape[0]))
    return y if b is None else y + b


add(OpInfo("linear", linear, (
    S("rows", normal(5, 3), normal(4, 3), normal(4)), S("no bias", normal(5, 3), normal(4, 3)), S("a vector", normal(3), normal(4, 3), normal(4)),
    S("a batch", normal(2, 5, 3), normal(4, 3), normal(4)), S("no rows", normal(0, 3), normal(4, 3), normal(4)).at("standard"),
    S("large", normal(64, 257), normal(129, 257), normal(129)).at("standard"),
), composite=True, family="matmul", torch=lambda t, *a: t.nn.functional.linear(*a), errors=(
    ErrorSample("features differ", lambda d: ops.linear(d.ones((2, 3)), d.ones((4, 5))), ShapeError, ("[linear]", "x.shape[-1] = 3", "[4, 5]")),
    ErrorSample("bias of another length", lambda d: ops.linear(d.ones((2, 3)), d.ones((4, 3)), d.ones((3,))), ShapeError, ("[linear]", "bias.shape = [3]")),
)))  # fmt: skip


def einsum(*xs: Any, equation: str) -> Any:
    """Operands from left to right, by NumPy's own reading of the equation."""
    if len(xs) == 1:
        (x,) = xs
        return R.einsum(*_with_ones(equation, x))
    terms, out = equation.split("->")
    value, *rest = xs
    term, *others = terms.split(",")
    for i, (x, t) in enumerate(zip(rest, others, strict=True)):
        later = set(out).union(*others[i + 1 :])
        keep = "".join(sorted((set(term) | set(t)) & later)) if i + 1 < len(others) else out
        value, term = _summed(value, term, later | set(t))
        x, t = _summed(x, t, later | set(term))
        value, term = R.einsum(f"{term},{t}->{keep}", value, x), keep
    return value


def _summed(x: Any, term: str, keep: set[str]) -> tuple[Any, str]:
    """Without the letters that nothing else has."""
    drop = tuple(i for i, c in enumerate(term) if c not in keep)
    return (R.sum(x, drop), "".join(c for c in term if c in keep)) if drop else (x, term)


def _with_ones(equation: str, x: Any) -> tuple[str, Any, Any]:
    """One operand as a product with ones."""
    term, out = equation.split("->")
    letters = "".join(sorted(set(term)))
    sizes = {c: n for c, n in zip(term, x.shape, strict=True)}
    if len(letters) < len(term):
        x = R.move(x, lambda a: np.einsum(f"{term}->{letters}", a))
    return f"{letters},{letters}->{out}", x, R.Ref(np.ones([sizes[c] for c in letters], x.v.dtype))


add(OpInfo("einsum", einsum, (
    S("matrices", normal(2, 3), normal(3, 4), equation="ij,jk->ik"), S("transposed", normal(2, 3), normal(4, 3), equation="ij,kj->ik"), S("batches", normal(5, 2, 3), normal(5, 3, 4), equation="bij,bjk->bik"),
    S("outer", normal(3), normal(4), equation="i,j->ij"), S("to a number", normal(3), normal(3), equation="i,i->"), S("three", normal(2, 3), normal(3, 4), normal(4), equation="ij,jk,k->i"),
    S("a permutation", normal(2, 3, 4), equation="ijk->kij"), S("a sum", normal(2, 3, 4), equation="ijk->j"), S("a diagonal", normal(3, 3), equation="ii->i"),
    S("a letter of one operand", normal(2, 3), normal(3, 4), equation="ij,jk->k"),
), call=lambda *xs, equation: ops.einsum(equation, *xs), composite=True, takes="number", view=True, family="matmul",
    torch=lambda t, *xs, equation: t.einsum(equation, *xs), errors=(
        ErrorSample("a letter of two sizes", lambda d: ops.einsum("ij,jk->ik", d.ones((2, 3)), d.ones((4, 5))), ShapeError, ("[einsum]", "3", "4")),
    )))  # fmt: skip
