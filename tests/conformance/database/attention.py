"""Scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import Input, S, normal, values
from .rowwise import softmax


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None) -> Any:
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = R.matmul(q * scale, R.move(k, lambda a: np.swapaxes(a, -1, -2)))
    hidden = np.zeros(scores.shape, bool)
    if mask is not None:
        m = R.broadcast(mask, scores.shape)
        if m.is_float:
            hidden |= m.v == -np.inf
            scores = scores + R.where(m.v == -np.inf, 0.0, m)
        else:
            hidden |= ~m.v
    if causal:
        hidden |= ~np.tril(np.ones(scores.shape[-2:], bool))
    blind = hidden.all(-1, keepdims=True)
    p = softmax(R.where(hidden & ~blind, -np.inf, scores), -1)
    return R.matmul(R.where(blind, 0.0, p), v)


_big = Input((4, 5), lambda rng, s: np.where(rng.random(s) < 0.3, -np.inf, rng.standard_normal(s)))
add(OpInfo("attention", attention, (
    S("self", normal(2, 4, 8), normal(2, 4, 8), normal(2, 4, 8)), S("to a memory", normal(4, 8), normal(6, 8), normal(6, 3)),
    S("causal", normal(2, 5, 4), normal(2, 5, 4), normal(2, 5, 4), causal=True), S("a scale", normal(3, 4), normal(3, 4), normal(3, 4), scale=0.25),
    S("an additive mask", normal(2, 4, 8), normal(2, 5, 8), normal(2, 5, 3), normal(4, 5)), S("a mask of -inf", normal(4, 8), normal(5, 8), normal(5, 3), _big).without_gradient(),
    S("heads", normal(2, 3, 4, 8), normal(2, 3, 5, 8), normal(2, 3, 5, 8)).at("standard"), S("one key", normal(3, 4), normal(1, 4), normal(1, 4)).at("standard"),
    S("long", normal(33, 16), normal(65, 16), normal(65, 16)).at("standard"),
), composite=True, family="attention", torch=lambda t, q, k, v, mask=None, causal=False, scale=None: t.nn.functional.scaled_dot_product_attention(
    q, k, v, mask, 0.0, causal, scale=scale), errors=(
    ErrorSample("widths differ", lambda d: ops.attention(d.ones((2, 3)), d.ones((2, 4)), d.ones((2, 3))), ShapeError, ("[attention]", "q.shape[-1] = 3", "k.shape[-1] = 4")),
    ErrorSample("lengths differ", lambda d: ops.attention(d.ones((2, 3)), d.ones((4, 3)), d.ones((5, 3))), ShapeError, ("[attention]", "k.shape[-2] = 4", "v.shape[-2] = 5")),
    ErrorSample("the mask does not fit", lambda d: ops.attention(d.ones((2, 3)), d.ones((4, 3)), d.ones((4, 3)), d.ones((2, 5))), ShapeError, ("[attention]", "mask.shape = [2, 5]")),
)))  # fmt: skip
add(OpInfo("attention with a bool mask", attention, (
    S("some hidden", normal(2, 3), normal(4, 3), normal(4, 5), values([[True, False, True, True], [False, False, True, False]], dtype="bool")),
    S("a query that sees nothing", normal(2, 3), normal(2, 3), normal(2, 3), values([[True, True], [False, False]], dtype="bool")),
), call=ops.attention, composite=True, family="attention"))  # fmt: skip


def _reshape(qkv: Any, past_k: Any, past_v: Any) -> Any:
    h, d, _ = past_k.shape
    q, k, v = (R.move(qkv, lambda a, i=i: a.reshape(-1, 3, h, d)[:, i].transpose(1, 0, 2)) for i in range(3))
    return q, R.concat([past_k, R.transpose(k, (0, 2, 1))], 2), R.concat([past_v, v], 1)


add(OpInfo("attention_reshape", _reshape, (S("after others", normal(3, 24), normal(2, 4, 5), normal(2, 5, 4)), S("the first", normal(3, 24), normal(2, 4, 0), normal(2, 0, 4))),
           takes="number", view=True, signed=True, family="attention", errors=(
               ErrorSample("shapes do not fit", lambda d: ops.attention_reshape(d.ones((3, 25)), d.ones((2, 4, 5)), d.ones((2, 5, 4))), ShapeError, ("[attention_reshape]", "[3, 25]")),)))  # fmt: skip
