"""Running sums."""

from __future__ import annotations

from typing import Any

from ..checks import normalize_axis
from ..dispatch import apply
from ..dtypes import bool_, i64
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_tensor, public
from .join import pad_axis
from .reduce import narrow, widened


def _infer(x: Tensor, axis: int) -> TensorType:
    return TensorType(x.shape, i64 if x.dtype is bool_ else x.dtype)


def _cumsum(x: Any, axis: int) -> Any:
    """Doubling: after step k every element is the sum of the 2^k elements up to it. Source: Hillis and Steele (1986)."""
    dtype = i64 if x.dtype is bool_ else x.dtype
    total, step, n = widened(x.to_dtype(dtype)), 1, x.shape[axis]
    lead = (slice(None),) * axis
    while step < n:
        total = total + pad_axis(total[(*lead, slice(0, n - step))], axis, step, 0)
        step *= 2
    return narrow(total, dtype) if n > 1 else x.to_dtype(dtype) * 1  # never x itself


def _vjp(e: Any, g: Any, _: Any) -> tuple[Any]:
    axis = e.attrs["axis"]
    return (g.flip(axis).cumsum(axis).flip(axis),)


_CUMSUM = register(
    Composite("cumsum", _infer, _cumsum, attrs=("axis",), vjp=_vjp, family="scan", doc="Running sum along an axis.")
)


@public()
def cumsum(x: Tensor, axis: int = -1) -> Tensor:
    """The sum of all elements up to each one along an axis; of bools i64, of integers their own dtype.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([1.0, 2.0, 3.0]).cumsum(0).tolist()
    [1.0, 3.0, 6.0]
    """
    return apply(_CUMSUM, (x,), (normalize_axis("cumsum", axis, as_tensor("cumsum", x).rank, x),))
