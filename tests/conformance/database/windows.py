"""Convolution, pooling and upscaling: sliding windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.dispatch import apply
from ...core.errors import DTypeError, ShapeError
from ...core.registry import OPS
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..samples import S, few, normal, values


def pair(v: Any) -> tuple[int, int]:
    return v if isinstance(v, tuple) else (v, v)


def seen(shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Flat positions (N, C, OH, OW, KH, KW) of what each window sees in (N, C, H, W); -1 is outside the image."""
    k, s, p, d = (pair(v) for v in (kernel, stride, padding, dilation))
    at = np.pad(
        np.arange(int(np.prod(shape))).reshape(shape), ((0, 0), (0, 0), (p[0],) * 2, (p[1],) * 2), constant_values=-1
    )
    n = [(at.shape[2 + i] - d[i] * (k[i] - 1) - 1) // s[i] + 1 for i in (0, 1)]
    rows, cols = (np.arange(n[i])[:, None] * s[i] + np.arange(k[i]) * d[i] for i in (0, 1))
    return at[:, :, rows[:, None, :, None], cols[None, :, None, :]]


def batched(f: Any, rank: int) -> Any:
    """A reference for images, of one image as well, and of signals (rank 3) as images of height 1."""

    def reference(x: Any, *others: Any, **kwargs: Any) -> Any:
        single = len(x.shape) == rank - 1
        x = R.reshape(x, (1, *x.shape)) if single else x
        if rank == 3:
            x = R.reshape(x, (*x.shape[:2], 1, x.shape[2]))
            others = tuple(R.reshape(o, (*o.shape[:2], 1, o.shape[2])) for o in others)
            kwargs = {k: v if k in ("groups", "kind") else (_NEUTRAL[k], v) for k, v in kwargs.items()}
        y = f(x, *others, **kwargs)
        y = R.reshape(y, (*y.shape[:2], y.shape[3])) if rank == 3 else y
        return R.reshape(y, y.shape[1:]) if single else y

    return reference


_NEUTRAL = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "kernel": 1}


def conv2d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    n, c = x.shape[:2]
    o, cg, *kernel = w.shape
    index = seen(x.shape, tuple(kernel), stride, padding, dilation)
    columns = R.pick(x, index.reshape(n, groups, c // groups, *index.shape[2:]))
    y = R.einsum("ngchwkl,gockl->ngohw", columns, R.reshape(w, (groups, o // groups, cg, *kernel)))
    return R.reshape(y, (n, o, *y.shape[3:]))


def conv2d_input(g: Any, w: Any, size: Any, **at: Any) -> Any:
    """The gradient of conv2d by its image, as a value that has gradients itself."""
    x = R.leaf(np.zeros((g.shape[0], w.shape[1] * at.get("groups", 1), *size)))
    return R.gradient([conv2d(x, w, **at)], [g], [x])[0]


def conv2d_weight(x: Any, g: Any, kernel: Any, **at: Any) -> Any:
    w = R.leaf(np.zeros((g.shape[1], x.shape[1] // at.get("groups", 1), *kernel)))
    return R.gradient([conv2d(x, w, **at)], [g], [w])[0]


def convtrans2d(x: Any, w: Any, output_padding: Any = 0, **at: Any) -> Any:
    s, p, d = (pair(at.get(k, v)) for k, v in (("stride", 1), ("padding", 0), ("dilation", 1)))
    extra = pair(output_padding)
    size = [(n - 1) * s[i] - 2 * p[i] + d[i] * (w.shape[2 + i] - 1) + 1 + extra[i] for i, n in enumerate(x.shape[2:])]
    more = [(n + 2 * p[i] - d[i] * (w.shape[2 + i] - 1) - 1) // s[i] + 1 - x.shape[2 + i] for i, n in enumerate(size)]
    if any(more):  # windows in the extra rows saw nothing
        x = R.pick(
            x,
            np.pad(
                np.arange(x.v.size).reshape(x.shape), ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=-1
            ),
        )
    return conv2d_input(x, w, tuple(size), **at)


def pool2d(x: Any, kind: str, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    index = seen(x.shape, kernel, kernel if stride is None else stride, padding, dilation)
    if kind == "avg":
        return R.mean(R.pick(x, index), (4, 5))
    flat = index.reshape(*index.shape[:4], -1)
    look = np.append(x.v.reshape(-1).astype(np.float64), -np.inf if kind == "max" else np.inf)[flat]
    first = (np.argmax if kind == "max" else np.argmin)(look, -1)
    return R.pick(x, np.take_along_axis(flat, first[..., None], -1)[..., 0])


def upscale2d(x: Any, size: Any, method: str = "nearest") -> Any:
    for axis, n in ((-2, size[0]), (-1, size[1])):
        x = _resized(x, axis, n, method)
    return x


def _resized(x: Any, axis: int, n: int, method: str) -> Any:
    m = x.shape[axis]
    take = lambda i: R.move(x, lambda a: np.take(a, i, axis))  # noqa: E731
    if method == "nearest" or m == 1:
        return take(np.arange(n) * m // n)
    at, last = np.arange(n) * (m - 1), max(n - 1, 1)
    low = at // last
    part = (at - low * last).reshape((-1,) + (1,) * (-1 - axis))  # in exact parts of `last`
    return take(low) * R.ref((last - part) / last) + take(np.minimum(low + 1, m - 1)) * R.ref(part / last)


def _attribute(name: str) -> Any:
    """An op that has no public function, with pairs for its attributes."""

    def call(*tensors: Any, **kwargs: Any) -> Any:
        spec = OPS[name]
        given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **kwargs}
        return apply(spec, tensors, tuple(given[a] if a == "groups" else pair(given[a]) for a in spec.attrs))

    return call


_errors = (
    ErrorSample("channels differ", lambda d: ops.conv2d(d.ones((1, 3, 4, 4)), d.ones((2, 4, 3, 3))), ShapeError, ("[conv2d]", "3", "4")),
    ErrorSample("kernel larger than the image", lambda d: ops.conv2d(d.ones((1, 1, 2, 2)), d.ones((1, 1, 3, 3))), ShapeError, ("[conv2d]", "3")),
    ErrorSample("groups do not divide", lambda d: ops.conv2d(d.ones((1, 3, 4, 4)), d.ones((2, 3, 1, 1)), groups=2), ShapeError, ("[conv2d]", "2")),
    ErrorSample("dtypes differ", lambda d: ops.conv2d(d.ones((1, 1, 2, 2)), d.ones((1, 1, 1, 1), "f16")), DTypeError, ("[conv2d]", "f16[1, 1, 1, 1]")),
)  # fmt: skip
add(OpInfo("conv2d", batched(conv2d, 4), (
    S("3 by 3", normal(2, 3, 5, 6), normal(4, 3, 3, 3)), S("one image", normal(3, 5, 6), normal(4, 3, 3, 3)), S("1 by 1", normal(2, 3, 4, 5), normal(4, 3, 1, 1)),
    S("stride and padding", normal(2, 2, 7, 8), normal(3, 2, 3, 3), stride=2, padding=1), S("rectangular", normal(1, 2, 6, 9), normal(3, 2, 2, 4), stride=(1, 3), padding=(1, 2)),
    S("dilation", normal(1, 2, 8, 9), normal(2, 2, 3, 2), dilation=(2, 3)), S("groups", normal(2, 4, 5, 5), normal(6, 2, 3, 3), groups=2),
    S("depthwise", normal(2, 3, 5, 5), normal(3, 1, 3, 3), groups=3, padding=1), S("everything", normal(2, 4, 11, 9), normal(4, 2, 3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2).at("standard"),
    S("windows that miss the last row", normal(1, 1, 6, 6), normal(1, 1, 3, 3), stride=2).at("standard"),
    S("no images", normal(0, 3, 5, 5), normal(4, 3, 3, 3)).at("standard"),
    S("large", normal(4, 8, 28, 28), normal(16, 8, 5, 5), padding=2).at("standard"),
), composite=True, family="windows", torch="conv2d", errors=_errors))  # fmt: skip
add(OpInfo("conv1d", batched(conv2d, 3), (
    S("signals", normal(2, 3, 9), normal(4, 3, 3)), S("one signal", normal(3, 9), normal(4, 3, 3)), S("everything", normal(2, 4, 12), normal(6, 2, 3), stride=2, padding=1, dilation=2, groups=2),
), composite=True, family="windows", torch="conv1d"))  # fmt: skip
add(OpInfo("conv2d_input", conv2d_input, (
    S("3 by 3", normal(2, 4, 3, 4), normal(4, 3, 3, 3), size=(5, 6)), S("stride, padding, groups", normal(2, 4, 4, 4), normal(4, 2, 3, 3), size=(7, 8), stride=2, padding=1, groups=2),
), call=_attribute("conv2d_input"), composite=True, family="windows"))  # fmt: skip
add(OpInfo("conv2d_weight", conv2d_weight, (
    S("3 by 3", normal(2, 3, 5, 6), normal(2, 4, 3, 4), kernel=(3, 3)), S("stride, padding, groups", normal(2, 4, 7, 8), normal(2, 4, 4, 4), kernel=(3, 3), stride=2, padding=1, groups=2),
), call=_attribute("conv2d_weight"), composite=True, family="windows"))  # fmt: skip
add(OpInfo("convtrans2d", batched(convtrans2d, 4), (
    S("3 by 3", normal(2, 4, 3, 4), normal(4, 3, 3, 3)), S("one image", normal(4, 3, 4), normal(4, 3, 2, 2)), S("stride and padding", normal(2, 3, 4, 4), normal(3, 2, 3, 3), stride=2, padding=1),
    S("extra rows", normal(1, 2, 3, 4), normal(2, 3, 3, 3), stride=(2, 3), padding=1, output_padding=(1, 2)), S("groups and dilation", normal(1, 4, 4, 3), normal(4, 2, 2, 3), dilation=2, groups=2),
), composite=True, family="windows", torch=lambda t, x, w, stride=1, padding=0, dilation=1, groups=1, output_padding=0: t.conv_transpose2d(
    x, w, None, stride, padding, output_padding, groups, dilation), errors=(
    ErrorSample("channels differ", lambda d: ops.convtrans2d(d.ones((1, 3, 4, 4)), d.ones((2, 4, 3, 3))), ShapeError, ("[convtrans2d]", "x.shape[1] = 3")),
)))  # fmt: skip
add(OpInfo("convtrans1d", batched(convtrans2d, 3), (S("signals", normal(2, 4, 5), normal(4, 3, 3), stride=2), S("one signal", normal(4, 5), normal(4, 3, 3), output_padding=0)),
           composite=True, family="windows", torch=lambda t, x, w, stride=1, output_padding=0: t.conv_transpose1d(x, w, None, stride, 0, output_padding)))  # fmt: skip
_pools = tuple(sample for kind in ("avg", "max", "min") for sample in (
    S(f"{kind} 2 by 2", normal(2, 3, 4, 6), kind=kind, kernel=2), S(f"{kind} rectangular", normal(2, 3, 7, 6), kind=kind, kernel=(3, 2), stride=(2, 1), padding=1),
    S(f"{kind} dilated", normal(1, 2, 7, 8), kind=kind, kernel=2, stride=1, dilation=(2, 3)), S(f"{kind} of one image", normal(3, 4, 4), kind=kind, kernel=2).at("standard"),
    S(f"{kind} with ties", few(1, 2, 6, 6), kind=kind, kernel=3, stride=1, padding=1), S(f"{kind} large", normal(4, 8, 28, 28), kind=kind, kernel=3, stride=2).at("standard"),
    S(f"{kind} with NaN", values([[[1.0, float("nan"), 3.0, 1.0], [1.0, 2.0, 3.0, 4.0]]]), kind=kind, kernel=2).only("float").without_gradient(),
))  # fmt: skip


def _pool_torch(t: Any, x: Any, kind: str, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    F = t.nn.functional
    if kind == "avg":
        return F.avg_pool2d(x, kernel, stride, padding) if dilation == 1 else None
    y = F.max_pool2d(x if kind == "max" else -x, kernel, stride, padding, dilation)
    return y if kind == "max" else -y


add(OpInfo("pool2d", batched(pool2d, 4), _pools, composite=True, family="windows", torch=_pool_torch, errors=(
    ErrorSample("no such kind", lambda d: ops.pool2d(d.ones((1, 1, 4, 4)), "sum", 2), ValueError, ("[pool2d]", "'avg'", "'sum'")),
    ErrorSample("kernel larger than the image", lambda d: ops.pool2d(d.ones((1, 1, 2, 2)), "max", 3), ShapeError, ("[pool2d]", "3")),
)))  # fmt: skip
add(
    OpInfo(
        "pool1d",
        batched(pool2d, 3),
        tuple(S(k, normal(2, 3, 9), kind=k, kernel=3, stride=2) for k in ("avg", "max", "min")),
        composite=True,
        family="windows",
    )
)
add(OpInfo("upscale2d", upscale2d, tuple(sample for m in ("nearest", "bilinear") for sample in (
    S(f"{m} doubled", normal(2, 3, 3, 4), size=(6, 8), method=m), S(f"{m} by no whole number", normal(1, 2, 3, 5), size=(7, 9), method=m),
    S(f"{m} to one", normal(1, 2, 1, 1), size=(1, 1), method=m).at("standard"), S(f"{m} from one", normal(1, 2, 1, 3), size=(4, 3), method=m),
    S(f"{m} of one image", normal(2, 3, 4), size=(5, 5), method=m).at("standard"), S(f"{m} large", normal(2, 4, 20, 20), size=(50, 60), method=m).at("standard"),
)), composite=True, family="windows", torch=lambda t, x, size, method: None if x.ndim != 4 else t.nn.functional.interpolate(
    x, size, mode=method, align_corners=True if method == "bilinear" else None)))  # fmt: skip
add(OpInfo("upscale2d_like", lambda x, y, method="nearest": upscale2d(x, y.shape[-2:], method), (S("like an image", normal(1, 2, 2, 3), normal(1, 1, 4, 5), method="bilinear"),),
           composite=True, family="windows"))  # fmt: skip
