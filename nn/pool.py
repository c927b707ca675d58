"""Pooling and upscaling."""

from __future__ import annotations

from typing import Any

from ..core.checks import shape_error
from ..core.public import ShapeError, Tensor, pool2d, upscale2d
from .conv import Size, windows
from .dims import Dim, Known, one
from .module import Module

__all__ = [
    "AvgPool2D", "AvgPoolGlobal", "MaxPool2D", "MaxPoolGlobal", "MinPool2D", "MinPoolGlobal", "Upscale2D", "Upscale2DBy",
]  # fmt: skip


class MaxPool2D(Module):
    """The maximum of each window of images (C, H, W) or (N, C, H, W).

    * `kernel`, `stride`, `padding`, `dilation`: in pixels, an int or a pair (vertical, horizontal). The stride is 1 by default.

    Padding never wins. Among equals the first of the window gets the gradient.
    """

    kind = "max"

    def __init__(self, kernel: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> None:
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation

    def settings(self) -> str:
        plain = {"stride": 1, "padding": 0, "dilation": 1}
        changed = [f"{k}={getattr(self, k)}" for k, v in plain.items() if getattr(self, k) != v]
        return ", ".join([str(self.kernel), *changed])

    def propagate(self, known: Any) -> Known:
        x = one(known)
        given = [v if isinstance(v, tuple) else (v, v) for v in (self.kernel, self.stride, self.padding, self.dilation)]
        return x.give(self, **{a: windows(self, x[i - 2], *[g[i] for g in given]) for i, a in enumerate(("h", "w"))})

    def forward(self, x: Tensor) -> Tensor:
        return pool2d(x, self.kind, self.kernel, self.stride, self.padding, self.dilation)


class MinPool2D(MaxPool2D):
    """The minimum of each window; otherwise as `MaxPool2D`."""

    kind = "min"


class AvgPool2D(MaxPool2D):
    """The mean of each window, of which padding is a part, as zeros; otherwise as `MaxPool2D`."""

    kind = "avg"


class MaxPoolGlobal(Module):
    """The maximum of each channel: (C, H, W) to (C), (N, C, H, W) to (N, C)."""

    reduction = "max"

    def propagate(self, known: Any) -> Known:
        return one(known).moved(-2)

    def forward(self, x: Tensor) -> Tensor:
        if x.rank not in (3, 4):
            name, fact = type(self).__name__, {"x": f"x.rank = {x.rank}"}
            raise shape_error(name, "takes images (C, H, W) or (N, C, H, W)", {"x": x}, fact)
        return getattr(x, self.reduction)((-2, -1))  # type: ignore[no-any-return]


class MinPoolGlobal(MaxPoolGlobal):
    """The minimum of each channel; otherwise as `MaxPoolGlobal`."""

    reduction = "min"


class AvgPoolGlobal(MaxPoolGlobal):
    """The mean of each channel; otherwise as `MaxPoolGlobal`."""

    reduction = "mean"


class Upscale2D(Module):
    """Images (C, H, W) or (N, C, H, W) at a larger size.

    * `height`, `width`: in pixels; the width is the height if left out.
    * `method`: "nearest", or "bilinear", where the corners of both images are at the same places.
    """

    def __init__(self, height: int, width: int | None = None, method: str = "nearest") -> None:
        self.height, self.width, self.method = height, height if width is None else width, method
        if method not in ("nearest", "bilinear"):
            raise ValueError(f"[{type(self).__name__}] method is 'nearest' or 'bilinear', not {method!r}")
        if min(self.height, self.width) < 1:
            raise ShapeError(f"[{type(self).__name__}] takes positive numbers, not {height}, {width}")

    def settings(self) -> str:
        return f"{self.height}, {self.width}" + f", method={self.method!r}" * (self.method != "nearest")

    def propagate(self, known: Any) -> Known:
        return one(known).give(self, h=self.height, w=self.width)

    def forward(self, x: Tensor) -> Tensor:
        return upscale2d(x, self.size(x), self.method)

    def size(self, x: Tensor) -> tuple[int, int]:
        """Of the result, in pixels."""
        return self.height, self.width


class Upscale2DBy(Upscale2D):
    """Images made `height` times as high and `width` times as wide; otherwise as `Upscale2D`."""

    def propagate(self, known: Any) -> Known:
        x = one(known)
        sizes = [(x[-2], self.height), (x[-1], self.width)]
        h, w = [Dim() if d.number is None else Dim(d.number * by, d.source) for d, by in sizes]
        return x.give(self, h=h, w=w)

    def size(self, x: Tensor) -> tuple[int, int]:
        if x.rank < 2:
            raise shape_error(
                "Upscale2DBy", "takes images (C, H, W) or (N, C, H, W)", {"x": x}, {"x": f"x.rank = {x.rank}"}
            )
        return x.shape[-2] * self.height, x.shape[-1] * self.width
