"""Upscaling of images: each axis by itself, every new row a mixture of at most two old ones."""

from __future__ import annotations

from typing import Any

from ..checks import shape_error
from ..dispatch import apply
from ..dtypes import i64
from ..elementwise import check_takes
from ..errors import ShapeError
from ..expr import cast, index, map_program, scalar
from ..expr import functions as F
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_one_op, as_tensor, public
from .conv import Pair, pair
from .reduce import narrow, widened

METHODS = ("nearest", "bilinear")


_ROW = index() * scalar(0)  # i * (n - 1) or i * n: integers, so that no rounding moves a row
_NEAREST = F.floordiv(_ROW, scalar(1))


def _made(device: Any, expr: Any, size: int, dtype: Any, top: int, bottom: int) -> Any:
    return device.generate(map_program((expr,), (), (dtype,), 2), (size,), (top, bottom))


def _sources(device: Any, n: int, size: int, method: str, dtype: Any) -> list[tuple[Any, Any]]:
    """(index of the source, its weight or None for 1), for each of the `size` new rows."""
    if method == "nearest" or n == 1 or size == 1:
        return [(_made(device, _NEAREST, size, i64, n, size), None)]
    part = F.mod(_ROW, scalar(1))
    low = _made(device, _NEAREST, size, i64, n - 1, size - 1)
    high = (low + 1).clamp(0, n - 1)
    return [
        (low, _made(device, cast(scalar(1) - part, dtype) / cast(scalar(1), dtype), size, dtype, n - 1, size - 1)),
        (high, _made(device, cast(part, dtype) / cast(scalar(1), dtype), size, dtype, n - 1, size - 1)),
    ]


def _weighted(x: Any, weight: Any) -> Any:
    """x times a weight per row."""
    return x if weight is None else x * weight.broadcast_to(x.shape, tuple(range(1, x.rank)))


def _axis_first(x: Any, axis: int) -> tuple[Any, tuple[int, ...]]:
    order = (axis, *[i for i in range(x.rank) if i != axis])
    return x.permute(order), tuple(sorted(range(x.rank), key=order.__getitem__))


def _resize(x: Any, axis: int, size: int, method: str) -> Any:
    rows, back = _axis_first(x, axis)
    parts = [_weighted(rows.gather(i), w) for i, w in _sources(x.device, rows.shape[0], size, method, x.dtype)]
    return (parts[0] if len(parts) == 1 else parts[0] + parts[1]).permute(back)


def _shrink(g: Any, axis: int, n: int, method: str) -> Any:
    """The transpose of `_resize`: every row goes back where it came from."""
    rows, back = _axis_first(g, axis)
    parts = [_weighted(rows, w).scatter_add(i, n) for i, w in _sources(g.device, n, rows.shape[0], method, g.dtype)]
    return (parts[0] if len(parts) == 1 else parts[0] + parts[1]).permute(back)


def _upscale(x: Any, *, size: Pair, method: str) -> Any:
    return narrow(_resize(_resize(widened(x), 2, size[0], method), 3, size[1], method), x.dtype)


def _vjp(e: Any, g: Any, _: Any) -> tuple[Any]:
    x, method = e.inputs[0], e.attrs["method"]
    return (narrow(_shrink(_shrink(widened(g), 3, x.shape[3], method), 2, x.shape[2], method), x.dtype),)


def _infer(x: Tensor, *, size: Pair, method: str) -> TensorType:
    check_takes("upscale2d", "float", (x,))
    if 0 in x.shape[2:]:
        raise shape_error("upscale2d", "an image without pixels has no colour", {"x": x})
    return TensorType((*x.shape[:2], *size), x.dtype)


_UPSCALE = register(
    Composite("upscale2d", _infer, _upscale, attrs=("size", "method"), vjp=_vjp, family="upscale",
              doc="An image in another size: nearest, or bilinear with aligned corners.")
)  # fmt: skip


@public("interpolate2d")
@as_one_op
def upscale2d(x: Tensor, size: Any, method: str = "nearest") -> Tensor:
    """An image in another size.

    * `x`: (N, C, H, W) or (C, H, W); `size`: (height, width) of the result, or one int for both.
    * `method`: "nearest" (source row i * H // height) or "bilinear" (corners aligned: i * (H - 1) / (height - 1); size 1 takes row 0).

    Source: `torch.nn.functional.interpolate`, bilinear with `align_corners=True`.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([[[1.0, 3.0]]]).upscale2d((1, 3), "bilinear").tolist()
    [[[1.0, 2.0, 3.0]]]
    """
    if method not in METHODS:
        raise ValueError(f"[upscale2d] method is one of {', '.join(map(repr, METHODS))}, not {method!r}")
    to = pair("upscale2d", "size", size)
    if as_tensor("upscale2d", x).rank == 4:
        return apply(_UPSCALE, (x,), (to, method))
    if x.rank != 3:
        raise ShapeError(f"[upscale2d] takes images (N, C, H, W) or (C, H, W), not {x.type_text}")
    y = apply(_UPSCALE, (x.reshape((1, *x.shape)),), (to, method))
    return y.reshape(y.shape[1:])


@public()
def upscale2d_like(x: Tensor, other: Any, method: str = "nearest") -> Tensor:
    """`upscale2d` to the height and width of another image, or to a pair of ints."""
    return upscale2d(x, other.shape[-2:] if isinstance(other, Tensor) else other, method)
