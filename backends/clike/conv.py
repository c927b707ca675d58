"""Convolutions as matrix products over columns of windows, a bounded batch of images at a time.

The columns (one row per channel and place of the window, one column per window) take at most `WORKSPACE` bytes; a 1 x 1 kernel
reads the image itself. Narrow floats are widened on the way in, and the result rounds once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ...core.contract import Signature, arg, cast, map_program
from . import planes
from .array import Array, dense_strides
from .engine import Engine, Launch, Source
from .expr import load, store
from .map import compile_map
from .matmul import compile_matmul
from .planes import names
from .types import register_type, storage_type

__all__ = ["WORKSPACE", "register"]

WORKSPACE = 32 << 20  # bytes of columns at once
GROUP = 64


class Window(NamedTuple):
    """How windows lie on an image: all of (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def numbers(self) -> tuple[int, ...]:
        return (*self.kernel, *self.stride, *self.padding, *self.dilation)

    @property
    def is_point(self) -> bool:
        return self.kernel == (1, 1) and self.stride == (1, 1) and self.padding == (0, 0)


@cache
def _im2col(source: Any, target: Any) -> Source:
    """Numbers: the 13 above, blocks per row, x's strides (4), the columns' strides of an image and of a row."""
    inside = "h >= 0 && h < H && w >= 0 && w < W"
    value = load(source, "x", "d.v[0] + n * d.v[16] + c * d.v[17] + h * d.v[18] + w * d.v[19]")
    text = f"""DIMS(22);
KERNEL GROUP({GROUP}, 1, 1) void im2col(GLOBAL const {storage_type(source)} * RESTRICT x, GLOBAL {storage_type(target)} * RESTRICT y, const struct dims d) {{
  {names(2)}
  const i64 b = BID(0), line = b / d.v[15], p = (b - line * d.v[15]) * {GROUP} + LID(0);
  const i64 n = line / (C * KH * KW), row = line - n * (C * KH * KW), c = row / (KH * KW), k = row - c * (KH * KW), kh = k / KW, kw = k - kh * KW;
  if (p < OH * OW) {{
    const i64 oh = (i64)((u32)p / (u32)OW), h = oh * SH - PH + kh * DH, w = (p - oh * OW) * SW - PW + kw * DW;
    {register_type(target)} v = 0;
    if ({inside}) v = {value};
    {store(target, "y", "d.v[1] + n * d.v[20] + row * d.v[21] + p", "v")}
  }}
}}"""
    return Source("im2col", text, (GROUP, 1, 1))


@cache
def _col2im(source: Any, target: Any) -> Source:
    """Numbers: the 13 above, how many elements. Every pixel sums what the windows that saw it hold."""
    kind = register_type(source)
    text = f"""DIMS(16);
KERNEL GROUP({GROUP}, 1, 1) void col2im(GLOBAL const {storage_type(source)} * RESTRICT x, GLOBAL {storage_type(target)} * RESTRICT y, const struct dims d) {{
  {names(2)}
  const i64 i = GID(0);
  if (i < d.v[15]) {{
    const i64 r = i / W, w = i - r * W + PW, q = r / H, h = r - q * H + PH;
    {kind} sum = 0;
    for (i64 kh = 0; kh < KH; kh++) {{
      const i64 a = h - kh * DH, oh = a / SH;
      if (a >= 0 && oh * SH == a && oh < OH)
        for (i64 kw = 0; kw < KW; kw++) {{
          const i64 e = w - kw * DW, ow = e / SW;
          if (e >= 0 && ow * SW == e && ow < OW) sum += x[d.v[0] + (((q * KH + kh) * KW + kw) * OH + oh) * OW + ow];
        }}
    }}
    {store(target, "y", "d.v[1] + i", "sum")}
  }}
}}"""
    return Source("col2im", text, (GROUP, 1, 1))


class Plan:
    """One convolution's shapes: images (N, C, H, W), windows (OH, OW), weight (O, C / groups, KH, KW)."""

    def __init__(
        self, engine: Engine, image: Any, out: Any, weight: Any, dtype: Any, groups: int, window: Window
    ) -> None:
        self.engine, self.window, self.groups, self.dtype = engine, window, groups, dtype
        (self.n, self.c, self.h, self.w), (_, self.o, self.oh, self.ow) = image, out
        self.wide = dtype.compute
        self.rows, self.pixels = weight[1] * weight[2] * weight[3], self.oh * self.ow
        each = self.c * window.kernel[0] * window.kernel[1] * self.pixels * self.wide.itemsize
        self.batch = max(1, min(self.n, WORKSPACE // max(1, each)))
        self._columns: dict[Any, Any] = {}

    @property
    def numbers(self) -> tuple[int, ...]:
        return (*self.window.numbers, self.c, self.h, self.w, self.oh, self.ow)

    def chunks(self) -> list[tuple[int, int]]:
        return [(a, min(a + self.batch, self.n)) for a in range(0, self.n, self.batch)]

    def columns(self, x: Array, image_step: int, row_step: int, shape: tuple[int, ...]) -> Array:
        """The windows of x, written with these strides into an array of this shape."""
        n, lines = x.shape[0], x.shape[0] * self.c * self.window.kernel[0] * self.window.kernel[1]
        key = (n, x.strides, image_step)
        call = self._columns.get(key)
        if call is None:
            if self.engine.target.cpu:
                each, items = planes.share(lines, self.pixels, self.engine.target.units)
                numbers = (*self.numbers, lines, each, *x.strides, image_step, row_step)
                launch = Launch(planes.im2col(x.dtype, self.wide), (items, 1, 1), numbers)
            else:
                blocks = -(-self.pixels // GROUP)
                numbers = (*self.numbers, blocks, *x.strides, image_step, row_step)
                launch = Launch(_im2col(x.dtype, self.wide), (lines * blocks, 1, 1), numbers)
            call = self._columns[key] = self.engine.prepare(launch)
        y = self.engine.empty(shape, self.wide)
        call((x, y), ())
        return y


def _caster(engine: Engine, source: Any, target: Any, shape: Any) -> Callable[[Array], Array]:
    if source is target:
        return lambda a: a
    return compile_map(engine, map_program((cast(arg(0), target),), (source,), (target,), 0), shape)


def _part(a: Array, start: int, stop: int) -> Array:
    """Elements start .. stop of the first axis."""
    if (start, stop) == (0, a.shape[0]):
        return a
    return a.view((stop - start, *a.shape[1:]), a.strides, start * a.strides[0])


def _shaped(a: Array, shape: tuple[int, ...]) -> Array:
    """A dense array in another shape."""
    return a.view(shape, dense_strides(shape))


def _conv2d(engine: Engine, sig: Signature, groups: int, window: Window) -> Callable[..., Array]:
    x_type, w_type = sig.inputs
    out = sig.outputs[0]
    p = Plan(engine, x_type.shape, out.shape, w_type.shape, out.dtype, groups, window)
    weight_shape = (groups, p.o // groups, p.rows)
    widen = _caster(engine, p.dtype, p.wide, w_type.shape)
    narrow = _caster(engine, p.wide, p.dtype, out.shape)
    products = {
        m: compile_matmul(engine, (m, *weight_shape), (m, groups, p.rows, p.pixels), p.wide)
        for m in {b - a for a, b in p.chunks()}
    }
    join = engine.copier

    def kernel(x: Array, weight: Array) -> Array:
        w = _shaped(join.contiguous(widen(weight)), weight_shape)
        y = None
        for a, b in p.chunks():
            m = b - a
            part, shape = _part(x, a, b), (m, groups, p.rows, p.pixels)
            if window.is_point and p.wide is p.dtype:
                columns = _shaped(join.contiguous(part), shape)
            else:
                columns = p.columns(part, p.rows * groups * p.pixels, p.pixels, shape)
            product = products[m](w.broadcast((m, *weight_shape), (0,)), columns)
            if m == p.n:
                return narrow(_shaped(product, out.shape))
            y = y or engine.empty(out.shape, p.wide)
            join.into(_shaped(product, (m, *out.shape[1:])), _part(y, a, b))
        assert y is not None
        return narrow(y)

    return kernel


def _conv2d_input(engine: Engine, sig: Signature, groups: int, window: Window) -> Callable[..., Array]:
    g_type, w_type = sig.inputs
    out = sig.outputs[0]
    p = Plan(engine, out.shape, g_type.shape, w_type.shape, out.dtype, groups, window)
    weight_shape = (groups, p.o // groups, p.rows)
    widen_w, widen_g = _caster(engine, p.dtype, p.wide, w_type.shape), _caster(engine, p.dtype, p.wide, g_type.shape)
    products, sums = {}, {}
    for m in {b - a for a, b in p.chunks()}:
        products[m] = compile_matmul(engine, (m, groups, p.rows, p.o // groups), (m, groups, p.o // groups, p.pixels), p.wide)  # fmt: skip
        count = m * p.c * p.h * p.w
        if engine.target.cpu and p.wide is p.dtype:
            each, items = planes.share(m * p.c, p.h * p.w * window.kernel[0] * window.kernel[1], engine.target.units)
            launch = Launch(planes.col2im(p.dtype), (items, 1, 1), (*p.numbers, m * p.c, each))
            sums[m] = engine.prepare(launch)
            continue
        launch = Launch(_col2im(p.wide, p.dtype), (-(-count // GROUP), 1, 1), (*p.numbers, count))
        sums[m] = engine.prepare(launch)

    def kernel(g: Array, weight: Array) -> Array:
        w = _shaped(engine.copier.contiguous(widen_w(weight)), weight_shape).broadcast((p.n, *weight_shape), (0,))
        turned, g = w.permute((0, 1, 3, 2)), engine.copier.contiguous(widen_g(g))
        y = engine.empty(out.shape, p.dtype)
        for a, b in p.chunks():
            part = _shaped(_part(g, a, b), (b - a, groups, p.o // groups, p.pixels))
            columns = products[b - a](_part(turned, a, b), part)
            sums[b - a]((columns, _part(y, a, b)), ())
        return y

    return kernel


def _conv2d_weight(engine: Engine, sig: Signature, groups: int, window: Window) -> Callable[..., Array]:
    x_type, g_type = sig.inputs
    out = sig.outputs[0]
    p = Plan(engine, x_type.shape, g_type.shape, out.shape, out.dtype, groups, window)
    widen = _caster(engine, p.dtype, p.wide, g_type.shape)
    narrow = _caster(engine, p.wide, p.dtype, out.shape)
    add = compile_map(
        engine, map_program((arg(0) + arg(1),), (p.wide, p.wide), (p.wide,), 0), (groups, p.o // groups, p.rows), (0,)
    )
    products = {}
    for m in {b - a for a, b in p.chunks()}:
        products[m] = compile_matmul(engine, (groups, p.o // groups, m * p.pixels), (groups, m * p.pixels, p.rows), p.wide)  # fmt: skip

    def kernel(x: Array, g: Array) -> Array:
        wide, total = widen(g), None
        for a, b in p.chunks():
            m = b - a
            long = m * p.pixels
            columns = p.columns(_part(x, a, b), p.pixels, long, (groups, p.rows, long))
            turned = engine.copier.contiguous(_part(wide, a, b).permute((1, 0, 2, 3)))
            product = products[m](_shaped(turned, (groups, p.o // groups, long)), columns.permute((0, 2, 1)))
            total = product if total is None else add(total, product)
        assert total is not None
        return narrow(_shaped(total, out.shape))

    return kernel


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("conv2d", specialize=True)
    def conv2d(sig: Signature, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return _conv2d(engine, sig, groups, Window(sig.inputs[1].shape[2:], stride, padding, dilation))  # type: ignore[arg-type]

    @registry.kernel("conv2d_input", specialize=True)
    def conv2d_input(sig: Signature, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return _conv2d_input(engine, sig, groups, Window(sig.inputs[1].shape[2:], stride, padding, dilation))  # type: ignore[arg-type]

    @registry.kernel("conv2d_weight", specialize=True)
    def conv2d_weight(sig: Signature, *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return _conv2d_weight(engine, sig, groups, Window(kernel, stride, padding, dilation))
