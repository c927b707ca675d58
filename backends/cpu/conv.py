"""Convolutions by machine code; where there is none by NumPy: windows as strided views, products by BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.contract import quiet
from .native.conv import conv_kernel, image_gradient
from .native.conv_weight import weight_gradient

Array = np.ndarray[Any, Any]


def _windows(x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Array:
    """(N, C, OH, OW, KH, KW): a view of the padded image."""
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    if ph or pw:
        x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    span = (dh * (kernel[0] - 1) + 1, dw * (kernel[1] - 1) + 1)
    return np.lib.stride_tricks.sliding_window_view(x, span, (2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]


def _wide(dtype: Any) -> Any:
    """The dtype in which products are summed."""
    return dtype.compute.numpy


def conv2d(sig: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    (x_type, w_type), (y_type,) = sig
    n, o, oh, ow = y_type.shape
    _, c, kh, kw = w_type.shape
    wide, narrow = _wide(x_type.dtype), x_type.dtype.numpy

    def kernel(x: Array, w: Array) -> Array:
        seen = _windows(x.astype(wide, copy=False), (kh, kw), stride, padding, dilation)
        columns = (
            seen.reshape((n, groups, c, oh, ow, kh, kw))
            .transpose((1, 0, 3, 4, 2, 5, 6))
            .reshape((groups, n * oh * ow, c * kh * kw))
        )
        y = columns @ w.astype(wide, copy=False).reshape((groups, o // groups, c * kh * kw)).transpose((0, 2, 1))
        y = y.reshape((groups, n, oh, ow, o // groups)).transpose((1, 0, 4, 2, 3)).reshape((n, o, oh, ow))
        return y.astype(narrow, order="C", copy=False)

    return conv_kernel(sig, quiet(kernel), stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv2d_weight(sig: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    (x_type, g_type), _ = sig
    n, o, oh, ow = g_type.shape
    c, (kh, kw) = x_type.shape[1] // groups, kernel
    wide, narrow = _wide(x_type.dtype), x_type.dtype.numpy

    def run(x: Array, g: Array) -> Array:
        seen = _windows(x.astype(wide, copy=False), kernel, stride, padding, dilation)
        columns = (
            seen.reshape((n, groups, c, oh, ow, kh, kw))
            .transpose((1, 0, 3, 4, 2, 5, 6))
            .reshape((groups, n * oh * ow, c * kh * kw))
        )
        rows = (
            g.astype(wide, copy=False)
            .reshape((n, groups, o // groups, oh * ow))
            .transpose((1, 2, 0, 3))
            .reshape((groups, o // groups, n * oh * ow))
        )
        return (rows @ columns).reshape((o, c, kh, kw)).astype(narrow, copy=False)

    return weight_gradient(
        sig, quiet(run), kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def conv2d_input(sig: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    g_type, w_type = sig.inputs
    n, o, oh, ow = g_type.shape
    _, c, kh, kw = w_type.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    wide, narrow = _wide(g_type.dtype), g_type.dtype.numpy

    def kernel(g: Array, w: Array) -> Array:
        matrix = w.astype(wide, copy=False).reshape((groups, o // groups, c * kh * kw)).transpose((0, 2, 1))
        columns = matrix @ g.astype(wide, copy=False).reshape((n, groups, o // groups, oh * ow))
        places = columns.reshape((n, groups * c, kh, kw, oh, ow))
        out = np.zeros((n, groups * c, size[0] + 2 * ph, size[1] + 2 * pw), wide)
        for i in range(kh):
            for j in range(kw):
                out[:, :, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw] += places[
                    :, :, i, j
                ]
        return out[:, :, ph : ph + size[0], pw : pw + size[1]].astype(narrow, order="C")

    return image_gradient(sig, quiet(kernel), stride=stride, padding=padding, dilation=dilation, groups=groups)


def register(registry: Any) -> None:
    for fn in (conv2d, conv2d_input, conv2d_weight):
        registry.kernel(fn.__name__, specialize=True)(fn)
