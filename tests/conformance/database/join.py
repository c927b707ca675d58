"""Putting tensors together."""

from __future__ import annotations

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError, ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, normal

add(OpInfo("concat", lambda *xs, axis=0: R.concat(xs, axis), (
    S("rows", normal(2, 3), normal(1, 3)), S("columns", normal(2, 3), normal(2, 4), axis=1), S("three", normal(2), normal(3), normal(1)),
    S("negative axis", normal(2, 1, 3), normal(2, 2, 3), axis=-2).at("standard"), S("one", normal(2, 3)), S("with nothing", normal(2, 3), normal(0, 3)),
    S("all empty", normal(0, 3), normal(0, 3)), S("many", *[normal(3, 2)] * 17).at("standard"),
    S("large", normal(257, 131), normal(257, 132), axis=1).at("standard"),
), call=lambda *xs, axis=0: ops.concat(xs, axis), takes="any", signed=True, view=False, family="join", torch=lambda t, *xs, axis=0: t.cat(xs, axis), errors=(
    ErrorSample("other dims differ", lambda d: ops.concat([d.ones((2, 3)), d.ones((2, 4))]), ShapeError, ("[concat]", "f32[2, 3]", "f32[2, 4]")),
    ErrorSample("dtypes differ", lambda d: ops.concat([d.ones((2,)), d.zeros((2,), "i32")]), DTypeError, ("[concat]", "f32[2]", "i32[2]")),
    ErrorSample("no tensors", lambda d: ops.concat([]), ShapeError, ("[concat]",)),
)))  # fmt: skip
add(OpInfo("stack", lambda *xs, axis=0: R.stack(xs, axis), (
    S("leading", normal(2, 3), normal(2, 3)), S("inner", normal(2, 3), normal(2, 3), normal(2, 3), axis=1), S("trailing", normal(2), normal(2), axis=-1),
    S("rank-0", normal(), normal()),
), call=lambda *xs, axis=0: ops.stack(xs, axis), takes="any", signed=True, family="join", torch=lambda t, *xs, axis=0: t.stack(xs, axis), errors=(
    ErrorSample("shapes differ", lambda d: ops.stack([d.ones((2,)), d.ones((3,))]), ShapeError, ("[stack]", "f32[2]", "f32[3]")),
)))  # fmt: skip
add(OpInfo("concat_along", lambda x, y, axis=0: R.concat([x, y], axis), (S("rows", normal(2, 3), normal(1, 3)),), takes="any", signed=True, torch=lambda t, x, y, axis=0: t.cat((x, y), axis),
           family="join"))  # fmt: skip
add(OpInfo("unstack", lambda x, axis=0: tuple(R.move(x, lambda a, i=i: np.take(a, i, axis)) for i in range(x.shape[axis])), (
    S("rows", normal(2, 3)), S("columns", normal(2, 3), axis=1), S("one part", normal(1, 3)), S("inner", normal(2, 3, 4), axis=-2).at("standard"),
), takes="any", signed=True, view=True, family="join", torch=lambda t, x, axis=0: t.unbind(x, axis), errors=(
    ErrorSample("an empty axis", lambda d: d.ones((0, 3)).unstack(), ShapeError, ("[unstack]", "axis 0")),
)))  # fmt: skip
add(OpInfo("concat_shape_along", lambda dtype, a, b, axis: R.Ref(np.zeros((*a[:axis], a[axis] + b[axis], *a[axis + 1 :]))), (S("columns", a=(2, 3), b=(2, 4), axis=1),),
           call=lambda dev, dtype, a, b, axis: dev.zeros(ops.concat_shape_along(a, b, axis), dtype), maker=True, grad=False, family="join", errors=(
               ErrorSample("other dims differ", lambda d: ops.concat_shape_along((2, 3), (3, 4), 1), ShapeError, ("[concat_shape_along]", "[2, 3]", "[3, 4]")),)))  # fmt: skip
