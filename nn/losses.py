"""Losses: rank-0 results of a prediction, which carries the tape, and a target, which must not.

Public as `dfdx.losses`. Formulas are those of PyTorch's functions of the same names unless a docstring says otherwise.
"""

from __future__ import annotations

from typing import Any

from ..core.checks import dtype_error, same_dtype, same_shape, shape_error
from ..core.dispatch import apply
from ..core.expr import arg, row_max, row_sum, scalar, select
from ..core.expr import functions as F
from ..core.ops.make import counting, one_hot_of
from ..core.ops.reduce import narrow, safe_sqrt, wide, widened
from ..core.public import TapeError, Tensor, f32, f64, i64, where
from ..core.registry import register
from ..core.rowops import RowOp
from ..core.types import MAX_RANK

__all__ = [
    "binary_cross_entropy_with_logits_loss", "cross_entropy_with_indices_loss", "cross_entropy_with_logits_loss", "huber_loss",
    "kl_div_with_logits_loss", "mae_loss", "mse_loss", "rmse_loss", "smooth_l1_loss",
]  # fmt: skip

x, q, s = arg(0), arg(1), scalar(0)
_LOG_P = (x - row_max(x)) - F.log(row_sum(F.exp(x - row_max(x))))


def _total(name: str, each: Any, doc: str, n_scalars: int = 1, gradient: Any = "derived") -> Any:
    """The sum over all elements of an expression, times scalar(0)."""
    return register(
        RowOp(
            f"{name}_loss",
            row_sum(each) * s,
            ("full", "full"),
            "row",
            n_scalars=n_scalars,
            gradient=gradient,
            family="loss",
            doc=doc,
        )
    )


def _mse_gradient(g: Any, x: Any, q: Any, y: Any) -> Any:
    d = (g * s * 2.0) * (x - q)
    return d, -d


_d = x - q
_MSE = _total("mse", _d * _d, "Mean of squared differences.", gradient=_mse_gradient)
_MAE = _total("mae", F.abs(_d), "Mean of absolute differences.")
_HUBER = _total("huber", F.huber_error(x, q, scalar(1)), "Mean Huber error.", 2)
_BCE = _total("bce_with_logits", F.bce_with_logits(x, q), "Mean binary cross entropy of logits.")
# per row: -sum q ln p, and sum q (ln q - ln p) with 0 ln 0 = 0. Both gradients in closed form: through the maximum, whose
# terms cancel, the largest logit of a row would get their rounding errors.
_COUNTED = 1 << 24  # f32 counts up to here
_P = F.exp(x - row_max(x)) / row_sum(F.exp(x - row_max(x)))


def _xent_gradient(g: Any, x: Any, q: Any, y: Any) -> Any:
    return g * (_P * row_sum(q) - q), -g * _LOG_P


def _kl_gradient(g: Any, x: Any, q: Any, y: Any) -> Any:
    return g * (_P * row_sum(q) - q), select(F.eq(q, 0.0), q * 0.0, g * (F.log(q) - _LOG_P + 1.0))


_XENT = register(
    RowOp(
        "cross_entropy",
        -row_sum(q * _LOG_P),
        ("full", "full"),
        "row",
        gradient=_xent_gradient,
        family="loss",
        doc="-sum(q log_softmax(x)) per row.",
    )
)
# the element of the class, whose number is arg(1), among columns numbered by arg(2): a logit of -inf elsewhere does no harm
_IS_CLASS = F.eq(arg(2), arg(1))
_OF_CLASS = register(
    RowOp(
        "cross_entropy_with_indices",
        F.log(row_sum(F.exp(x - row_max(x)))) - (row_sum(select(_IS_CLASS, x, 0.0)) - row_max(x)),
        ("full", "row", "col"),
        "row",
        gradient=lambda g, x, label, number, y: (g * (_P - select(_IS_CLASS, 1.0, 0.0)), label * 0.0, number * 0.0),
        family="loss",
        doc="-log_softmax(x)[class] per row.",
    )
)
_KL = register(
    RowOp(
        "kl_div",
        row_sum(select(F.eq(q, 0.0), q * 0.0, q * (F.log(q) - _LOG_P))),
        ("full", "full"),
        "row",
        gradient=_kl_gradient,
        family="loss",
        doc="sum(q (ln q - log_softmax(x))) per row.",
    )
)


def _check(name: str, pred: Any, target: Any) -> None:
    both = type(pred) is type(target) is Tensor and pred._type is target._type and target._serial is None
    if both and pred._type.dtype.is_float:
        return  # all is well: the usual case, asked at once
    for label, t in (("prediction", pred), ("target", target)):
        if not isinstance(t, Tensor):
            raise TypeError(f"[{name}] the {label} is a tensor, not {type(t).__name__}")
    if target._serial is not None:
        state = "owns a tape" if target._tape is not None else "was recorded on a tape that has moved on"
        raise TapeError(
            f"[{name}] the target {state}\n  hint: target.detach() makes it a constant; the prediction comes first"
        )
    if not pred.dtype.is_float:
        raise dtype_error(name, "takes floats", {"prediction": pred})
    same_dtype(name, pred, target)
    same_shape(name, pred, target)


_ALL_AXES = [(tuple(range(rank)),) for rank in range(MAX_RANK + 1)]


def _all(spec: Any, pred: Tensor, target: Tensor, *scalars: float) -> Tensor:
    n, rank = pred._type.numel, len(pred._type.shape)
    return spec.call(pred, target.detach(), 1.0 / n if n else float("nan"), *scalars, _ALL_AXES[rank])


def mse_loss(pred: Tensor, target: Tensor) -> Tensor:
    """mean((pred - target)^2).

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dfdx.losses.mse_loss(dev.tensor([1.0, 3.0]), dev.tensor([1.0, 1.0])).item()
    2.0
    """
    _check("mse_loss", pred, target)
    return _all(_MSE, pred, target)


def rmse_loss(pred: Tensor, target: Tensor) -> Tensor:
    """sqrt(mean((pred - target)^2)); its gradient at an exact match is 0."""
    _check("rmse_loss", pred, target)
    return safe_sqrt(_all(_MSE, wide(pred), wide(target)), pred.dtype)


def mae_loss(pred: Tensor, target: Tensor) -> Tensor:
    """mean(|pred - target|); the gradient at equality is 0."""
    _check("mae_loss", pred, target)
    return _all(_MAE, pred, target)


def huber_loss(pred: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """Mean Huber error: 0.5 d^2 where |d| < delta, else delta |d| - 0.5 delta^2."""
    _check("huber_loss", pred, target)
    return _all(_HUBER, pred, target, float(delta))


def smooth_l1_loss(pred: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """huber_loss(beta) / beta."""
    _check("smooth_l1_loss", pred, target)
    return narrow(_all(_HUBER, wide(pred), wide(target), float(beta)) / float(beta), pred.dtype)


def binary_cross_entropy_with_logits_loss(logits: Tensor, probs: Tensor) -> Tensor:
    """mean(max(l, 0) - l p + ln(1 + e^-|l|)) for logits l and probabilities p."""
    _check("binary_cross_entropy_with_logits_loss", logits, probs)
    return _all(_BCE, logits, probs)


def _rows(spec: Any, logits: Tensor, probs: Tensor) -> Tensor:
    """The mean over rows; that of amp tensors is rounded once."""
    rows = apply(spec, (wide(logits), wide(probs.detach())), ((logits.rank - 1,),) if logits.rank else ((),))
    return narrow(rows.mean(), logits.dtype)


def cross_entropy_with_logits_loss(logits: Tensor, probs: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean over rows of -sum(p log_softmax(l)) for logits l (..., classes) and probabilities p of the same shape.

    * `label_smoothing`: e mixes p with the uniform distribution: (1 - e) p + e / classes.
    """
    _check("cross_entropy_with_logits_loss", logits, probs)
    if label_smoothing and logits.rank:
        probs = wide(probs.detach()) * (1.0 - label_smoothing) + label_smoothing / logits.shape[-1]
    return _rows(_XENT, logits, probs)


def kl_div_with_logits_loss(logits: Tensor, probs: Tensor) -> Tensor:
    """Mean over rows of sum(p (ln p - log_softmax(l))); a probability of 0 contributes 0."""
    _check("kl_div_with_logits_loss", logits, probs)
    return _rows(_KL, logits, probs)


def cross_entropy_with_indices_loss(
    logits: Tensor, classes: Tensor, ignore_index: int | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean over rows of -log_softmax(l)[class] for logits l (..., n) and integer classes (...).

    * `ignore_index`: rows of this class, which may be any number, count neither in the sum nor in the mean.
    * `label_smoothing`: as in `cross_entropy_with_logits_loss`.

    Raises `IndexError` for a class outside 0..n-1 where the device is synchronous.
    """
    name = "cross_entropy_with_indices_loss"
    if not classes.dtype.is_int:
        raise dtype_error(
            name, "classes are integers", {"classes": classes}, "cross_entropy_with_logits_loss takes probabilities"
        )
    if not logits.rank or classes.shape != logits.shape[:-1]:
        raise shape_error(
            name,
            "one class per row is wanted",
            {"logits": logits, "classes": classes},
            {
                "logits": f"logits.shape[:-1] = {list(logits.shape[:-1])}",
                "classes": f"classes.shape = {list(classes.shape)}",
            },
        )
    dtype, logits = logits.dtype, widened(logits)
    kept = None if ignore_index is None else classes != ignore_index
    rows = _class_rows(logits, classes if kept is None else where(kept, classes, 0), label_smoothing)
    if kept is None:
        return narrow(rows.mean(), dtype)
    return narrow(where(kept, rows, 0.0).mean() * _share(kept, logits.dtype), dtype)


def _class_rows(logits: Tensor, classes: Tensor, label_smoothing: float) -> Tensor:
    """The loss of each row; a class that there is not is an `IndexError` where gather raises one."""
    n, axes = logits.shape[-1], ((logits.rank - 1,),)
    if label_smoothing or n > _COUNTED:
        numbers = counting(classes.device, n, i64)
        probs = one_hot_of(numbers.gather(classes), numbers, logits.dtype)
        return _XENT.call(logits, probs * (1.0 - label_smoothing) + label_smoothing / n, axes)
    numbers = counting(classes.device, n, logits.dtype)
    return _OF_CLASS.call(logits, numbers.gather(classes), numbers, axes)


def _share(kept: Tensor, dtype: Any) -> Tensor:
    """Rows by kept rows, as a tensor: a captured step needs no number from the device."""
    count = kept.sum().to_dtype(f64 if dtype is f64 else f32)
    return (count.recip() * kept.numel).to_dtype(dtype)  # type: ignore[no-any-return]
