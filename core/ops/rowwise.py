"""Softmax and its kin: expressions with reductions along named axes."""

from __future__ import annotations

from typing import Any

from ..dispatch import apply
from ..expr import Expr, arg, row_max, row_sum, scalar, select
from ..expr import functions as F
from ..registry import register
from ..rowops import RowOp
from ..tensor import Tensor
from ._define import as_tensor, public
from .reduce import axes_of, reduced_axes

x = arg(0)
_SHIFTED = x - row_max(x)
_MEAN = row_sum(x) * scalar(0)
_CENTERED = x - _MEAN
_VAR = row_sum(F.square(_CENTERED)) * scalar(0)

_SOFTMAX = register(
    RowOp(
        "softmax",
        F.exp(_SHIFTED) / row_sum(F.exp(_SHIFTED)),
        ("full",),
        "full",
        gradient=lambda g, x, y: (y * (g - row_sum(g * y)),),
        doc="exp(x - max) / sum(exp(x - max)).",
    )
)
_LOG_SOFTMAX = register(
    RowOp(
        "log_softmax",
        _SHIFTED - F.log(row_sum(F.exp(_SHIFTED))),
        ("full",),
        "full",
        gradient=lambda g, x, y: (g - F.exp(y) * row_sum(g),),
        doc="ln of softmax, without taking the ln of a small number.",
    )
)
_LOGSUMEXP = register(
    RowOp(
        "logsumexp",
        select(
            F.isfinite(row_max(x)),
            row_max(x) + F.log(row_sum(F.exp(x - select(F.isfinite(row_max(x)), row_max(x), row_max(x) - row_max(x))))),
            row_max(x),
        ),
        ("full",),
        "row",
        gradient=lambda g, x, y: (g * F.exp(x - y),),
        doc="max + ln(sum(exp(x - max))); a row of -inf gives -inf.",
    )
)
_NORMALIZE = register(
    RowOp(
        "normalize",
        _CENTERED / F.sqrt(_VAR + scalar(1)),
        ("full",),
        "full",
        n_scalars=2,
        gradient=lambda g, x, y: F.normalized_gradient(g, x, scalar(0), scalar(1))[:1],
        doc="(x - mean) / sqrt(var + eps), var biased.",
    )
)


def _layer_norm_gradient(g: Expr, x: Expr, gamma: Expr, beta: Expr, y: Expr) -> tuple[Expr, ...]:
    dx, normal = F.normalized_gradient(g * gamma, x, scalar(0), scalar(1))
    return dx, g * normal, g


_LAYER_NORM = register(
    RowOp(
        "layer_norm",
        _CENTERED / F.sqrt(_VAR + scalar(1)) * arg(1) + arg(2),
        ("full", "col", "col"),
        "full",
        n_scalars=2,
        gradient=_layer_norm_gradient,
        doc="normalize, then gamma and beta per column.",
    )
)
_RMS_NORM = register(
    RowOp(
        "rms_norm",
        x / F.sqrt(row_sum(F.square(x)) * scalar(0) + scalar(1)) * arg(1),
        ("full", "col"),
        "full",
        n_scalars=2,
        doc="x / sqrt(mean(x^2) + eps), then gamma per column.",
    )
)


def softmax_gradient(y: Tensor, g: Tensor, axes: tuple[int, ...]) -> Tensor:
    """What x receives where y = softmax(x) receives g."""
    spec, sources = _SOFTMAX.gradient((True,))
    given = {1: y, 2: g}
    return apply(spec, tuple([given[s] for s in sources]), (axes,))  # type: ignore[no-any-return]


def _mean_factor(x: Tensor, axes: tuple[int, ...]) -> float:
    n = 1
    for a in axes:
        n *= x.shape[a]
    return 1.0 / n if n else 0.0


@public()
def softmax(x: Tensor, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis or axes, stable.

    >>> import dfdx
    >>> dfdx.device("cpu").zeros((2, 4)).softmax(-1)[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return _SOFTMAX.call(x, (axes_of("softmax", x, axis),))


@public()
def log_softmax(x: Tensor, axis: Any = -1) -> Tensor:
    """ln(softmax(x)) along an axis or axes, stable."""
    return _LOG_SOFTMAX.call(x, (axes_of("log_softmax", x, axis),))


@public()
def logsumexp(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """ln(sum(exp(x))) along `axes`, or to the target shape `to`; stable, and -inf for a row of -inf."""
    return _LOGSUMEXP.call(x, (reduced_axes("logsumexp", x, axes, to),))


@public()
def normalize(x: Tensor, axis: Any = -1, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) along an axis or axes, with the biased variance."""
    axes = axes_of("normalize", x, axis)
    return _NORMALIZE.call(x, _mean_factor(x, axes), float(eps), (axes,))


@public()
def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, axis: Any = -1, eps: float = 1e-5) -> Tensor:
    """`normalize`, times gamma, plus beta; both have the dims of the axes. Source: arXiv 1607.06450."""
    axes = axes_of("layer_norm", x, axis)
    gamma, beta = as_tensor("layer_norm", gamma), as_tensor("layer_norm", beta)
    return _LAYER_NORM.call(x, gamma, beta, _mean_factor(x, axes), float(eps), (axes,))


@public()
def rms_norm(x: Tensor, gamma: Tensor, axis: Any = -1, eps: float = 1e-5) -> Tensor:
    """x / sqrt(mean(x^2) + eps) times gamma, which has the dims of the axes. Source: arXiv 1910.07467."""
    axes = axes_of("rms_norm", x, axis)
    return _RMS_NORM.call(x, as_tensor("rms_norm", gamma), _mean_factor(x, axes), float(eps), (axes,))
