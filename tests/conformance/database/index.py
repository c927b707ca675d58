"""Choosing by index, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import DTypeError, ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, ints, normal, permuted, values


def _taken(shape: tuple[int, ...], index: Any, axis: int) -> Any:
    """Flat positions of out[b.., z.., t..] = a[b.., index[b.., z..], t..]."""
    at = np.arange(int(np.prod(shape))).reshape(shape)
    grids = np.ogrid[tuple(slice(n) for n in index.shape[:axis])] if axis else []
    return at[(*[g.reshape(g.shape + (1,) * (index.ndim - axis)) for g in grids], index)]


def gather(x: Any, index: Any, axis: int = 0) -> Any:
    return R.pick(x, _taken(x.shape, index.v.astype(np.int64), axis % len(x.shape)))


def scatter_add(x: Any, index: Any, size: int, axis: int = 0) -> Any:
    shape = (*index.shape[:axis], size, *x.shape[len(index.shape) :])
    return R.reshape(R.scatter(x, _taken(shape, index.v.astype(np.int64), axis), int(np.prod(shape))), shape)


_index_error = ErrorSample(
    "float index", lambda d: d.ones((3,)).gather(d.ones((2,))), DTypeError, ("[gather]", "f32[2]", "i64")
)
add(OpInfo("gather", gather, (
    S("vector", normal(5), ints(5, 3)), S("rows", normal(5, 3), ints(5, 4)), S("rank-0 index", normal(5, 2), ints(5)),
    S("matrix of indices", normal(5, 3), ints(5, 2, 4)), S("second axis", normal(3, 5, 2), ints(5, 3, 4), axis=1),
    S("last axis", normal(3, 5), ints(5, 3, 2), axis=-1), S("i32 index", normal(5), ints(5, 7, dtype="i32")),
    S("u8 index", normal(5), ints(5, 7, dtype="u8")).at("standard"), S("no indices", normal(5, 2), ints(5, 0)),
    S("large", normal(1000, 7), ints(1000, 9999)).at("standard"),
), takes="any", signed=True, family="index", torch=lambda t, x, i, axis=0: x[i.long()] if axis == 0 else None, errors=(
    _index_error,
    ErrorSample("rows do not fit", lambda d: d.ones((2, 3)).gather(d.zeros((3, 1), "i64"), 1), ShapeError, ("[gather]", "f32[2, 3]", "i64[3, 1]")),
    ErrorSample("index out of range", lambda d: d.ones((3,)).gather(d.tensor([0, 3])).array(), IndexError, ("[gather]", "3"), True),
    ErrorSample("negative index", lambda d: d.ones((3,)).gather(d.tensor([0, -1])).array(), IndexError, ("[gather]", "-1"), True),
)))  # fmt: skip
add(OpInfo("select", lambda x, index=None, axis=0, **kw: gather(x, index, axis) if not isinstance(index, int) else R.move(x, lambda a: np.take(a, index, axis)), (
    S("one row", normal(4, 3), ints(4)), S("one per row", normal(3, 5), ints(5, 3), axis=1), S("deeper", normal(2, 3, 4), ints(4, 2, 3), axis=2),
    S("an int", normal(4, 3), index=2),
), takes="any", signed=True, view=True, family="index"))  # fmt: skip
add(OpInfo("scatter_add", scatter_add, (
    S("each once", normal(5), permuted(5), size=5), S("repeats", normal(6, 2), values([0, 2, 2, 2, 1, 0], dtype="i64"), size=4),
    S("second axis", normal(2, 4), ints(3, 2, 4), size=3, axis=1), S("matrix of indices", normal(2, 3, 2), ints(4, 2, 3), size=4),
    S("rank-0 index", normal(3), ints(4), size=4), S("nothing", normal(0, 2), ints(3, 0), size=3),
    S("large", normal(9999), ints(100, 9999), size=100).at("standard"),
    S("all in one place", normal(4099), values(np.zeros(4099, np.int64), dtype="i64"), size=2).at("standard"),
), takes="number", family="index", torch=lambda t, x, i, size, axis=0: t.zeros((size, *x.shape[1:]), dtype=x.dtype).index_add(0, i, x) if axis == 0 and i.ndim == 1 else None, errors=(
    ErrorSample("float index", lambda d: d.ones((3,)).scatter_add(d.ones((3,)), 4), DTypeError, ("[scatter_add]", "f32[3]")),
    ErrorSample("too few indices", lambda d: d.ones((3,)).scatter_add(d.zeros((2,), "i64"), 4), ShapeError, ("[scatter_add]", "f32[3]", "i64[2]")),
    ErrorSample("index out of range", lambda d: d.ones((2,)).scatter_add(d.tensor([0, 4]), 4).array(), IndexError, ("[scatter_add]", "4"), True),
)))  # fmt: skip
