"""Losses: a prediction and a target, to a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import DTypeError, ShapeError, TapeError
from ...nn import losses
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, few, ints, normal, unit, values
from .binary import _bce, _huber
from .rowwise import log_softmax


def _errors(name: str) -> tuple[ErrorSample, ...]:
    f = getattr(losses, name)

    def traced_target(dev: Any) -> Any:
        return f(dev.ones((2, 3)), dev.ones((2, 3)).traced())

    return (
        ErrorSample("shapes differ", lambda d: f(d.ones((2, 3)), d.ones((2, 4))), ShapeError, (f"[{name}]", "f32[2, 3]", "f32[2, 4]")),
        ErrorSample("dtypes differ", lambda d: f(d.ones((2,)), d.ones((2,), "f16")), DTypeError, (f"[{name}]", "f16[2]")),
        ErrorSample("the target owns a tape", traced_target, TapeError, (f"[{name}]", "detach()")),
    )  # fmt: skip


def loss(
    name: str,
    reference: Any,
    target: Any = normal,
    *extra: Any,
    covers: tuple[str, ...] = (),
    torch: Any = None,
    **kwargs: Any,
) -> None:
    """A loss of operands of one shape; the target is a constant."""
    f = getattr(losses, name)
    samples = (
        S("matrix", normal(3, 4), target(3, 4), **kwargs), S("vector", normal(5), target(5), **kwargs), S("cube", normal(2, 3, 4), target(2, 3, 4), **kwargs).at("standard"),
        S("large", normal(257, 263), target(257, 263), **kwargs).at("standard"), *extra,
    )  # fmt: skip
    add(OpInfo(name, lambda x, q, **kw: reference(x, R.const(q), **kw), samples, call=f, covers=covers, constants=(1,), composite=True, family="loss",
               torch=torch and (lambda t, x, q, **kw: torch(t.nn.functional, x, q.detach(), **kw)), errors=_errors(name)))  # fmt: skip


def mse(x: Any, q: Any) -> Any:
    d = x - q
    return R.mean(d * d)


def rmse(x: Any, q: Any) -> Any:
    m = mse(x, q)
    return R.where(m.v == 0, 0.0, R.sqrt(R.where(m.v == 0, 1.0, m)))


def rows(each: Any) -> Any:
    """The mean over rows of a sum along the last axis."""
    return R.mean(R.sum(each, -1))


def cross_entropy(x: Any, q: Any, label_smoothing: float = 0.0) -> Any:
    if label_smoothing:
        q = q * (1.0 - label_smoothing) + label_smoothing / x.shape[-1]
    return -rows(q * log_softmax(x))


def kl(x: Any, q: Any) -> Any:
    zero = q.v == 0
    return rows(R.where(zero, 0.0, q * (R.log(R.where(zero, 1.0, q)) - log_softmax(x))))


equal = S("an exact match", values([[1.0, 2.0]]), values([[1.0, 2.0]]))
loss("mse_loss", mse, normal, equal, covers=("mse_loss",), torch=lambda F, x, q: F.mse_loss(x, q))
loss("rmse_loss", rmse, normal, torch=lambda F, x, q: F.mse_loss(x, q).sqrt())
loss(
    "mae_loss",
    lambda x, q: R.mean(R.abs(x - q)),
    normal,
    equal,
    covers=("mae_loss",),
    torch=lambda F, x, q: F.l1_loss(x, q),
)
loss("huber_loss", lambda x, q, delta=1.0: R.mean(_huber(x, q, delta)), normal, S("another delta", normal(3, 4), normal(3, 4), delta=0.5), equal,
     covers=("huber_loss",), torch=lambda F, x, q, delta=1.0: F.huber_loss(x, q, delta=delta))  # fmt: skip
loss("smooth_l1_loss", lambda x, q, beta=1.0: R.mean(_huber(x, q, beta)) / beta, normal, S("another beta", normal(3, 4), normal(3, 4), beta=0.5),
     torch=lambda F, x, q, beta=1.0: F.smooth_l1_loss(x, q, beta=beta))  # fmt: skip
loss("binary_cross_entropy_with_logits_loss", lambda x, q: R.mean(_bce(x, q)), unit, S("hard targets", normal(3, 4), few(3, 4)), covers=("bce_with_logits_loss",),
     torch=lambda F, x, q: F.binary_cross_entropy_with_logits(x, q))  # fmt: skip
loss("cross_entropy_with_logits_loss", cross_entropy, unit, S("smoothed", normal(3, 4), unit(3, 4), label_smoothing=0.25), covers=("cross_entropy",),
     torch=lambda F, x, q, label_smoothing=0.0: F.cross_entropy(x.reshape(-1, x.shape[-1]), q.reshape(-1, q.shape[-1]), label_smoothing=label_smoothing))  # fmt: skip
loss(
    "kl_div_with_logits_loss",
    kl,
    unit,
    S("zero probabilities", normal(2, 3), values([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])),
    covers=("kl_div",),
    torch=lambda F, x, q: F.kl_div(F.log_softmax(x, -1), q, reduction="sum") / (x.numel() // x.shape[-1]),
)


def indices(x: Any, c: Any, ignore_index: int | None = None, label_smoothing: float = 0.0) -> Any:
    n = x.shape[-1]
    onehot = np.eye(n)[np.clip(c.v, 0, n - 1)] * ((c.v >= 0) & (c.v < n))[..., None]
    q = onehot * (1.0 - label_smoothing) + label_smoothing / n
    count = float(c.v.size)
    if ignore_index is not None:
        kept = c.v != ignore_index
        q, count = q * kept[..., None], float(kept.sum())
    return R.sum(-R.sum(R.ref(q) * log_softmax(x), -1)) * (1.0 / count)


add(OpInfo("cross_entropy_with_indices_loss", indices, (
    S("matrix", normal(5, 4), ints(4, 5)), S("cube", normal(2, 3, 4), ints(4, 2, 3)), S("vector", normal(4), ints(4)).at("standard"),
    S("some ignored", normal(5, 4), values([0, 1, 2, 2, 3], dtype="i64"), ignore_index=2), S("smoothed", normal(5, 4), ints(4, 5), label_smoothing=0.25),
    S("large", normal(300, 257), ints(257, 300)).at("standard"),
), call=losses.cross_entropy_with_indices_loss, composite=True, family="loss", covers=("cross_entropy_with_indices",),
    torch=lambda t, x, c, ignore_index=-100, label_smoothing=0.0: t.nn.functional.cross_entropy(
        x.reshape(-1, x.shape[-1]), c.reshape(-1), ignore_index=ignore_index, label_smoothing=label_smoothing),
    errors=(
        ErrorSample("float classes", lambda d: losses.cross_entropy_with_indices_loss(d.ones((2, 3)), d.ones((2,))), DTypeError, ("classes", "f32[2]")),
        ErrorSample("rows differ", lambda d: losses.cross_entropy_with_indices_loss(d.ones((2, 3)), d.zeros((4,), "i64")), ShapeError, ("[2]", "[4]")),
    )))  # fmt: skip
