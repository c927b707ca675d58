"""Comparisons and logic: exact, without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError
from .. import reference as R
from ..info import ErrorSample, Law, OpInfo, add
from ..reference import Ref
from ..samples import S, few, flags, normal, values
from ._elementwise import elementwise, wrong_dtype, wrong_shapes

for _name, _f in (
    ("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal),
):  # fmt: skip
    _call = getattr(ops, _name)
    add(OpInfo(_name, lambda a, b, f=_f: Ref(f(a.v, b.v)), elementwise(few, few), takes="any", gives="bool", grad=False,
               family="compare", torch=_name, errors=wrong_shapes(_call, _name)))  # fmt: skip
    add(OpInfo(f"{_name}_scalar", lambda a, s, f=_f: Ref(f(a.v, s)), elementwise(few, s=1), call=lambda a, s, f=_call: f(a, s),
               takes="number", gives="bool", grad=False, family="compare", torch=_name))  # fmt: skip


def _logic(name: str, f: Any, torch: str) -> None:
    call = getattr(ops, name)
    add(OpInfo(name, lambda a, b: Ref(f(a.v, b.v)), elementwise(normal, normal, special=False), takes="logical", grad=False, family="compare",
               torch=torch, errors=(wrong_dtype(call, name, 2, "f32"),),
               laws=(Law("commutes", call, lambda a, b: call(b, a)),)))  # fmt: skip
    samples = (S("with True", normal(3, 4), s=True), S("with False", normal(3, 4), s=False))
    add(OpInfo(f"{name}_scalar", lambda a, s: Ref(f(a.v, s)), samples, call=lambda a, s: call(a, s), takes="bool", grad=False,
               family="compare", torch=lambda t, a, s: getattr(t, torch)(a, t.tensor(s))))  # fmt: skip


_logic("bool_and", np.bitwise_and, "bitwise_and")
_logic("bool_or", np.bitwise_or, "bitwise_or")
_logic("bool_xor", np.bitwise_xor, "bitwise_xor")

add(OpInfo("where", lambda c, a, b: R.where(c, a, b), (
    S("matrix", flags(3, 4), normal(3, 4), normal(3, 4)),
    S("rank-0", flags(), normal(), normal()),
    S("empty", flags(0, 2), normal(0, 2), normal(0, 2)),
    S("large", flags(257, 263), normal(257, 263), normal(257, 263)).at("standard"),
    S("the branch not taken", values([True, False], dtype="bool"), values(1.0, float("nan")), values(float("inf"), 2.0)).only("float"),
), takes="any", signed=True, family="compare", torch="where", errors=(
    ErrorSample("the condition is no bool", lambda d: ops.where(d.ones((2,)), d.ones((2,)), d.ones((2,))), DTypeError, ("[where]", "bool")),
)))  # fmt: skip
add(OpInfo("choose", lambda c, a, b: R.where(c, a, b), (
    S("a number on one side", flags(3, 4), normal(3, 4), b=2.0), S("numbers on the other", flags(5), normal(5), b=0.0),
), family="compare", torch=lambda t, c, a, b: t.where(c, a, t.full_like(a, b))))  # fmt: skip
