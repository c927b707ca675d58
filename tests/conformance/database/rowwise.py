"""Softmax and normalisation: rows along named axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError, ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, Sample, normal, positive, values


def rows(*others: Any, **kwargs: Any) -> tuple[Sample, ...]:
    """The ways of naming rows; `others` make per-column operands from the shape of the axes."""

    def s(name: str, shape: tuple[int, ...], axis: Any, level: str = "standard") -> Sample:
        at = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
        inner = tuple(shape[a] for a in sorted(at))
        return S(name, normal(*shape), *[o(*inner) for o in others], axis=axis, **kwargs).at(level)

    return (
        s("last axis", (3, 5), -1, "quick"),
        s("first axis", (3, 5), 0, "quick"),
        s("middle axis", (2, 3, 4), 1, "quick"),
        s("two axes", (2, 3, 4), (1, 2)),
        s("outer and inner axes", (2, 3, 4), (0, 2)),
        s("one row", (7,), 0),
        s("rows of one", (4, 1), 1),
        s("rank 6", (2, 1, 2, 3, 1, 2), (3, 5)),
        s("long rows", (3, 4099), 1),
        s("many rows", (4099, 3), 1),
        s("no rows", (0, 3), 1, "quick"),
    )


def softmax(x: Any, axis: Any = -1) -> Any:
    e = R.exp(x - R.const(R.max(x, axis, keep=True)))
    return e / R.sum(e, axis, keep=True)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    t = x - R.const(R.max(x, axis, keep=True))
    return t - R.log(R.sum(R.exp(t), axis, keep=True))


def normalize(x: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    c = x - R.mean(x, axis, keep=True)
    return c / R.sqrt(R.mean(c * c, axis, keep=True) + eps)


def _column(p: Any, x: Any, axis: Any) -> Any:
    """A per-column operand with size-1 dims where x has rows."""
    at = R.array._axes(axis, len(x.shape))
    return R.reshape(p, tuple(n if i in at else 1 for i, n in enumerate(x.shape)))


def layer_norm(x: Any, gamma: Any, beta: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    return normalize(x, axis, eps) * _column(gamma, x, axis) + _column(beta, x, axis)


def rms_norm(x: Any, gamma: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    return x / R.sqrt(R.mean(x * x, axis, keep=True) + eps) * _column(gamma, x, axis)


def _refused(name: str, n: int = 1) -> tuple[ErrorSample, ...]:
    f = getattr(ops, name)
    return (
        ErrorSample("axis out of range", lambda d: f(*[d.ones((2, 3))] * n, axis=2) if n == 1 else f(d.ones((2, 3)), *[d.ones((3,))] * (n - 1), axis=2),
                    ShapeError, (f"[{name}]", "axis 2")),
        ErrorSample("integers", lambda d: f(*[d.zeros((3,), "i32")] * n), DTypeError, (f"[{name}]", "i32[3]")),
    )  # fmt: skip


big = S("large values", values([[1000.0, 1001.0, 999.0], [-1000.0, -1001.0, 0.0]]), axis=1).at("standard")
masked = S("masked by -inf", values([[0.0, -np.inf, 1.0], [-np.inf, 2.0, -np.inf]]), axis=1).without_gradient()
nan = S("NaN stays in its row", values([[0.0, np.nan, 1.0], [1.0, 2.0, 3.0]]), axis=1).without_gradient()
for _name, _f, _torch in (("softmax", softmax, "softmax"), ("log_softmax", log_softmax, "log_softmax")):
    add(OpInfo(_name, _f, rows() + (big, masked, nan), family="rowwise", errors=_refused(_name),
               torch=lambda t, x, axis, n=_torch: getattr(t, n)(x, axis) if isinstance(axis, int) else None))  # fmt: skip
add(
    OpInfo(
        "normalize",
        normalize,
        rows() + (S("eps", normal(3, 4), eps=0.5), nan),
        family="rowwise",
        errors=_refused("normalize"),
        torch=lambda t, x, axis=-1, eps=1e-5: (
            t.nn.functional.layer_norm(x, (x.shape[-1],), eps=eps) if axis in (-1, x.ndim - 1) else None
        ),
    )
)
add(OpInfo("layer_norm", layer_norm, rows(normal, normal), family="rowwise", errors=(
    *_refused("layer_norm", 3),
    ErrorSample("gamma of another length", lambda d: ops.layer_norm(d.ones((2, 3)), d.ones((4,)), d.ones((3,))), ShapeError, ("[layer_norm]", "f32[4]")),
), torch=lambda t, x, g, b, axis: t.nn.functional.layer_norm(x, (x.shape[-1],), g, b) if axis in (-1, x.ndim - 1) else None))  # fmt: skip
add(OpInfo("rms_norm", rms_norm, rows(normal), family="rowwise", errors=_refused("rms_norm", 2),
           torch=lambda t, x, g, axis: t.nn.functional.rms_norm(x, (x.shape[-1],), g, 1e-5) if axis in (-1, x.ndim - 1) else None))  # fmt: skip

# ----- the ops inside modules


def _registered(name: str) -> Any:
    """An op that only modules use, through the registry: (tensors, attributes, scalars)."""
    from ...core.dispatch import apply
    from ...core.registry import OPS

    def call(*tensors: Any, axes: Any = None, scalars: Any = ()) -> Any:
        return apply(OPS[name], tensors, () if axes is None else (axes,), scalars)

    return call


def _gru(*a: Any) -> Any:
    r, z = R.sigmoid(a[0] + a[1]), R.sigmoid(a[2] + a[3])
    n = R.tanh(a[4] + r * a[5])
    return (1.0 - z) * n + z * a[6]


def _lstm(*a: Any) -> Any:
    i, f, g, o = R.sigmoid(a[0] + a[1]), R.sigmoid(a[2] + a[3]), R.tanh(a[4] + a[5]), R.sigmoid(a[6] + a[7])
    c = f * a[8] + i * g
    return o * R.tanh(c), c


def _relu(x: Any) -> Any:
    return R.where(~(x.v <= 0), x, 0.0)


for _name, _f, _n in (
    ("rnn_cell", lambda x, h: R.tanh(x + h), 2),
    ("rnn_relu_cell", lambda x, h: _relu(x + h), 2),
    ("gru_cell", _gru, 7),
    ("lstm_cell", _lstm, 9),
):
    add(OpInfo(_name, _f, tuple(S(k, *[normal(*s)] * _n) for k, s in (("matrix", (3, 4)), ("one element", (1,)), ("large", (70, 80)))),
               call=_registered(_name), family="rowwise"))  # fmt: skip


def _per_row(p: Any, x: Any, axes: Any) -> Any:
    return R.reshape(p, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _batch_norm(x: Any, scale: Any, bias: Any, axes: Any, scalars: Any) -> Any:
    return normalize(x, axes, scalars[1]) * _per_row(scale, x, axes) + _per_row(bias, x, axes)


def _batch_norm_infer(x: Any, scale: Any, bias: Any, mean: Any, var: Any, axes: Any, scalars: Any) -> Any:
    s, b, m, v = (_per_row(p, x, axes) for p in (scale, bias, mean, var))
    return (x - m) / R.sqrt(v + scalars[0]) * s + b


def _mean_var(x: Any, axes: Any, scalars: Any) -> Any:
    c = x - R.mean(x, axes, keep=True)
    return R.mean(x, axes), R.mean(c * c, axes)


add(OpInfo("batch_norm", _batch_norm, (
    S("images", normal(4, 3, 2, 2), normal(3), normal(3), axes=(0, 2, 3), scalars=(1 / 16, 1e-5)), S("features", normal(5, 3), normal(3), normal(3), axes=(0,), scalars=(1 / 5, 1e-3)),
), call=_registered("batch_norm"), family="rowwise",
    torch=lambda t, x, s, b, axes, scalars: t.nn.functional.batch_norm(x, None, None, s, b, True, 0.1, scalars[1])))  # fmt: skip
add(OpInfo("batch_norm_infer", _batch_norm_infer, (
    S("images", normal(4, 3, 2, 2), normal(3), normal(3), normal(3), positive(3), axes=(0, 2, 3), scalars=(1e-5,)),
    S("features", normal(5, 3), normal(3), normal(3), normal(3), positive(3), axes=(0,), scalars=(1e-3,)),
), call=_registered("batch_norm_infer"), family="rowwise",
    torch=lambda t, x, s, b, m, v, axes, scalars: t.nn.functional.batch_norm(x, m.detach(), v.detach(), s, b, False, 0.1, scalars[0])))  # fmt: skip
add(
    OpInfo(
        "mean_var",
        _mean_var,
        (S("images", normal(4, 3, 2, 2), axes=(0, 2, 3), scalars=(1 / 16,)),),
        call=_registered("mean_var"),
        family="rowwise",
    )
)
