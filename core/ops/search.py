"""Where the largest and the smallest elements are: indices, so without a gradient; no tape is taken."""

from __future__ import annotations

from typing import Any

from ..checks import normalize_axis, shape_error
from ..dispatch import apply
from ..dtypes import i64
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_tensor, public
from .reduce import back


def _define(name: str, extremum: str, doc: str) -> None:
    def infer(x: Tensor, axis: int) -> TensorType:
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        if x.shape[axis] == 0 and 0 not in shape:
            raise shape_error(name, f"axis {axis} is empty", {"x": x}, {"x": f"x.shape[{axis}] = 0"})
        return TensorType(shape, i64)

    def body(x: Any, axis: int) -> Any:
        """The smallest index at which the extremum, or a NaN, stands."""
        from .compare import where

        x = x.to_dtype("u8") if x.dtype.kind == "bool" else x
        hit = x == back(getattr(x, extremum)(axis), x, (axis,))
        hit = hit | x.isnan() if x.dtype.is_float else hit
        n = x.shape[axis]
        place = x.device.arange(n).broadcast_to(x.shape, tuple(i for i in range(x.rank) if i != axis))
        return where(hit, place, n).min(axis)

    spec = register(Composite(name, infer, body, attrs=("axis",), family="search", doc=doc))

    def function(x: Tensor, axis: int | None = None) -> Tensor:
        as_tensor(name, x)
        if axis is None:
            return apply(spec, (x.detach().reshape((x.numel,)),), (0,))
        return apply(spec, (x,), (normalize_axis(name, axis, x.rank, x),))

    function.__name__ = name
    function.__doc__ = f"""{doc}

    * `axis`: None searches all elements in row-major order.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([2.0, 5.0, 2.0, 5.0]).{name}().item()
    {1 if extremum == "max" else 0}
    """
    public()(function)


_define("argmax", "max", "Index (i64) of the first largest element along an axis; a NaN counts as larger than all.")
_define("argmin", "min", "Index (i64) of the first smallest element along an axis; a NaN counts as smaller than all.")
