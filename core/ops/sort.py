"""Sorting: one op, `argsort`, from which `sort` and `topk` follow by gathering."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import normalize_axis, shape_error
from ..dispatch import apply
from ..dtypes import i64
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_tensor, public


def order(a: np.ndarray[Any, Any], axis: int, descending: bool) -> np.ndarray[Any, Any]:
    """The stable order of a NumPy array, NaN the largest; descending keeps equal elements in place too."""
    a = a.astype(np.float32) if a.dtype.kind == "V" else a  # bf16
    if not descending:
        return np.argsort(a, axis, kind="stable")
    return a.shape[axis] - 1 - np.flip(np.argsort(np.flip(a, axis), axis, kind="stable"), axis)


def _on_host(x: Any, axis: int, descending: bool) -> Any:
    return x.device.tensor(order(x.array(), axis, descending))


_ARGSORT = register(
    Composite("argsort", lambda x, axis, descending: TensorType(x.shape, i64), _on_host, attrs=("axis", "descending"), family="sort",
              doc="Indices that sort along an axis: stable, NaN the largest.")
)  # fmt: skip
_ARGSORT.host = "copied out, sorted by NumPy, copied back"


@public()
def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """The indices (i64) that sort x along an axis; equal elements keep their order, NaN counts as the largest.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([3.0, 1.0, 2.0]).argsort().tolist()
    [1, 2, 0]
    """
    return apply(_ARGSORT, (x,), (normalize_axis("argsort", axis, as_tensor("argsort", x).rank, x), bool(descending)))


def _take(op: str, x: Any, axis: int, descending: bool, count: int | None) -> tuple[Tensor, Tensor]:
    """(the first `count` of x in order, their indices)."""
    at = normalize_axis(op, axis, as_tensor(op, x).rank, x)
    last = (*[i for i in range(x.rank) if i != at], at)
    undo = tuple(sorted(range(x.rank), key=last.__getitem__))
    index = argsort(x, at, descending).permute(last)
    if count is not None:
        if not isinstance(count, int) or not 0 <= count <= x.shape[at]:
            raise shape_error(op, f"k = {count!r} does not fit", {"x": x}, {"x": f"x.shape[{at}] = {x.shape[at]}"})
        index = index[..., :count]
    return x.permute(last).gather(index, x.rank - 1).permute(undo), index.permute(undo)


@public()
def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """x sorted along an axis, NaN last (first if descending); `argsort` gives the order. Differentiable.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([3.0, 1.0, 2.0]).sort(descending=True).tolist()
    [3.0, 2.0, 1.0]
    """
    return _take("sort", x, axis, descending, None)[0]


@public()
def topk(x: Tensor, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """(the k largest or smallest elements in order, their indices) along an axis; the values are differentiable.

    >>> import dfdx
    >>> values, indices = dfdx.device("cpu").tensor([3.0, 1.0, 2.0]).topk(2)
    >>> values.tolist(), indices.tolist()
    ([3.0, 2.0], [0, 2])
    """
    return _take("topk", x, axis, largest, k)


sort.made_of = topk.made_of = ("argsort", "gather")  # type: ignore[attr-defined]  # what `explain` shows for them
