"""Pooling: the mean, maximum or minimum of every window of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import shape_error
from ..dispatch import apply
from ..elementwise import check_takes
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_one_op, as_tensor, public
from .conv import Pair, across, extent, flat, line, overlap_add, pair, placing, windows
from .reduce import narrow, widened

KINDS = ("avg", "max", "min")


def _lowest(dtype: Any, kind: str) -> Any:
    """What every element of this dtype wins against."""
    if dtype.is_float:
        return float("-inf") if kind == "max" else float("inf")
    return int(np.iinfo(dtype.numpy).min if kind == "max" else np.iinfo(dtype.numpy).max)


def _pool(x: Any, *, kind: str, kernel: Pair, **at: Any) -> Any:
    if kind == "avg":
        total, *rest = windows(widened(x), kernel, **at)
        for part in rest:
            total = total + part
        return narrow(total * (1.0 / (kernel[0] * kernel[1])), x.dtype)
    best, *rest = windows(x, kernel, value=_lowest(x.dtype, kind), **at)
    for part in rest:
        best = best.maximum(part) if kind == "max" else best.minimum(part)
    return best


def _winners(x: Any, y: Any, kernel: Pair, at: dict[str, Any]) -> list[Any]:
    """For each place of the window, where it holds the winner: the first that equals y, or the last NaN, as in PyTorch."""
    parts = windows(x, kernel, **at)
    if any(at["padding"]):  # what lies in the padding never wins
        inside = windows(x.device.ones(x.shape, "bool"), kernel, value=False, **at)
        hits = [(p == y) & i for p, i in zip(parts, inside, strict=True)]
    else:
        hits = [p == y for p in parts]
    taken, first = hits[0], [hits[0]]
    for hit in hits[1:]:
        first.append(hit & ~taken)
        taken = taken | hit
    taken, last = None, []
    for part in reversed(parts):
        nan = part.isnan()
        last.append(nan if taken is None else nan & ~taken)
        taken = nan if taken is None else taken | nan
    return [f | n for f, n in zip(first, reversed(last), strict=True)]


def _vjp(e: Any, g: Any, _: Any) -> tuple[Any]:
    from .compare import where

    at = dict(e.attrs)
    kind, kernel, x = at.pop("kind"), at.pop("kernel"), e.inputs[0]
    if kind == "avg":
        share = widened(g) * (1.0 / (kernel[0] * kernel[1]))
        parts = [share] * (kernel[0] * kernel[1])
    else:
        wide = widened(g)
        nothing = wide.device.zeros(wide.shape, wide.dtype)
        parts = [where(w, wide, nothing) for w in _winners(e.input(0).detach(), e.output().detach(), kernel, at)]
    return (narrow(overlap_add(parts, x.shape[2:], kernel, **at), x.dtype),)


def _infer(x: Tensor, *, kind: str, kernel: Pair, **at: Any) -> TensorType:
    check_takes("pool2d", "float" if kind == "avg" else "number", (x,))
    return TensorType((*x.shape[:2], *extent("pool2d", x, kernel, **at)), x.dtype)


_POOL = register(
    Composite("pool2d", _infer, _pool, attrs=("kind", "kernel", "stride", "padding", "dilation"), vjp=_vjp, saves=(0, "out"), family="pool",
              doc="Mean (padding counted), maximum or minimum of every window; the first winner gets the gradient.")
)  # fmt: skip


def _pooled(op: str, x: Any, kind: Any, at: tuple[Any, ...]) -> Any:
    """Of images with or without a batch."""
    if kind not in KINDS:
        raise ValueError(f"[{op}] kind is one of {', '.join(map(repr, KINDS))}, not {kind!r}")
    if x.rank == 4:
        return apply(_POOL, (x,), (kind, *at))
    if x.rank != 3:
        raise shape_error(op, "x has 4 dims, or 3 without a batch", {"x": x}, {"x": f"x.rank = {x.rank}"})
    y = apply(_POOL, (x.reshape((1, *x.shape)),), (kind, *at))
    return y.reshape(y.shape[1:])


@public()
@as_one_op
def pool2d(x: Tensor, kind: str, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Tensor:
    """The mean, maximum or minimum of every window of an image.

    * `x`: (N, C, H, W) or (C, H, W); `kind`: "avg", "max" or "min".
    * `kernel`, `stride` (None: the kernel), `padding`, `dilation`: in pixels, an int or a pair (vertical, horizontal).

    The mean counts the zeros around the image; the maximum and minimum see the image only. The gradient goes to the first
    winner in window order. Returns (N, C, OH, OW) as `conv2d` does. Source: `torch.nn.functional.max_pool2d`, `avg_pool2d`.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([[[1.0, 2.0], [3.0, 4.0]]]).pool2d("max", 2).tolist()
    [[[4.0]]]
    """
    as_tensor("pool2d", x)
    at = placing("pool2d", kernel if stride is None else stride, padding, dilation)
    return _pooled("pool2d", x, kind, (pair("pool2d", "kernel", kernel), *at))


@public()
@as_one_op
def pool1d(x: Tensor, kind: str, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Tensor:
    """The mean, maximum or minimum of every window of a signal: x (N, C, L) or (C, L). See `pool2d`."""
    as_tensor("pool1d", x)
    if x.rank not in (2, 3):
        raise shape_error("pool1d", "x has 3 dims, or 2 without a batch", {"x": x}, {"x": f"x.rank = {x.rank}"})
    at = placing("pool1d", kernel if stride is None else stride, padding, dilation, across)
    return line(_pooled("pool1d", flat(x), kind, (across("pool1d", "kernel", kernel), *at)))
