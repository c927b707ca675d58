"""Running sums, order, and where extrema are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..reference import Ref
from ..samples import S, few, normal, values


def cumsum(x: Any, axis: int = -1) -> Any:
    n = x.shape[axis]
    last = R.move(x, lambda a: np.moveaxis(a, axis, -1))
    if x.v.dtype == bool:
        return Ref(np.cumsum(x.v, axis, dtype=np.int64))
    upper = np.triu(np.ones((n, n), x.v.dtype))
    y = R.einsum("rk,kj->rj", R.reshape(last, (-1, n)) if n else R.reshape(last, (0, 0)), R.Ref(upper))
    return R.move(R.reshape(y, last.shape), lambda a: np.moveaxis(a, -1, axis))


def order(v: Any, axis: int = -1, descending: bool = False) -> Any:
    """Stable, NaN the largest."""
    if not descending:
        return np.argsort(v, axis, kind="stable")
    back = np.argsort(np.flip(v, axis), axis, kind="stable")
    return np.flip(v.shape[axis] - 1 - back, axis)


def sort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    index = order(x.v, axis, descending)
    return R.move(x, lambda a: np.take_along_axis(a, index, axis))


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> Any:
    first = np.moveaxis(order(x.v, axis, largest), axis, -1)[..., :k]
    index = np.moveaxis(first, -1, axis)
    return R.move(x, lambda a: np.take_along_axis(a, index, axis)), Ref(index)


def _arg(f: Any) -> Any:
    return lambda x, axis=None: Ref(
        np.asarray(f(x.v.reshape(-1) if axis is None else x.v, 0 if axis is None else axis), np.int64)
    )


_bad = ErrorSample("axis out of range", lambda d: d.ones((2, 3)).cumsum(2), ShapeError, ("[cumsum]", "axis 2"))
add(OpInfo("cumsum", cumsum, (
    S("rows", normal(3, 5), axis=1), S("columns", normal(3, 5), axis=0), S("middle axis", normal(2, 3, 4), axis=-2), S("one element", normal(3, 1), axis=1),
    S("no elements", normal(3, 0), axis=1), S("long", normal(3, 1031), axis=1).at("standard"),
), composite=True, takes="any", gives=lambda d: ops.DTYPES["i64"] if d.kind == "bool" else d, family="order", torch="cumsum", errors=(_bad,)))  # fmt: skip
_nan = S("NaN is the largest", values([2.0, float("nan"), 1.0, float("inf"), -1.0])).only("float").without_gradient()
for _name, _f in (("argmax", np.argmax), ("argmin", np.argmin)):
    add(OpInfo(_name, _arg(_f), (
        S("all", normal(3, 4)), S("rows", normal(3, 4), axis=1), S("columns", normal(3, 4), axis=0), S("ties take the first", few(5, 7), axis=1),
        S("NaN wins", values([[1.0, float("nan"), 3.0], [4.0, 2.0, 6.0]]), axis=1).only("float"), S("large", normal(257, 263), axis=1).at("standard"),
    ), takes="number", gives="i64", grad=False, family="order", torch=lambda t, x, axis=None, n=_name: getattr(t, n)(x, axis), errors=(
        ErrorSample("an empty axis", lambda d, n=_name: getattr(ops, n)(d.ones((2, 0)), 1), ShapeError, (f"[{_name}]", "empty")),
    )))  # fmt: skip
_samples = (S("rows", normal(3, 5)), S("columns", normal(5, 3), axis=0), S("descending", normal(3, 5), descending=True), S("ties keep their order", few(4, 9)),
            S("ties, descending", few(4, 9), descending=True), _nan, S("large", normal(257, 263), axis=0).at("standard"))  # fmt: skip
add(OpInfo("argsort", lambda x, **kw: Ref(order(x.v, **kw).astype(np.int64)), _samples, takes="number", gives="i64", grad=False, family="order",
           torch=lambda t, x, axis=-1, descending=False: t.argsort(x, stable=True, dim=axis, descending=descending)))  # fmt: skip
add(
    OpInfo(
        "sort",
        sort,
        _samples,
        takes="number",
        family="order",
        torch=lambda t, x, axis=-1, descending=False: t.sort(x, stable=True, dim=axis, descending=descending)[0],
    )
)
add(OpInfo("topk", topk, (S("rows", normal(3, 7), k=3), S("columns", normal(7, 3), k=2, axis=0), S("smallest", normal(3, 7), k=3, largest=False), S("all", normal(4), k=4)),
           takes="number", gives=("same", "i64"), family="order", errors=(
               ErrorSample("more than there are", lambda d: d.ones((3,)).topk(4), ShapeError, ("[topk]", "4", "x.shape[0] = 3")),)))  # fmt: skip
