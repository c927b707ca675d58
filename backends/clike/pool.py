"""Pooling and its gradient: an item per window, or per pixel that asks every window that saw it."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.contract import Signature
from . import planes
from .array import Array
from .conv import Window
from .engine import Engine, Launch, Source
from .expr import arithmetic, load, store
from .planes import names
from .rowwriter import combine, identity
from .types import literal, register_type, storage_type

__all__ = ["register"]

GROUP = 64


@cache
def _forward(dtype: Any, kind: str, share: float) -> Source:
    """Numbers: the window's and the image's (conv.py), how many elements, x's strides (4)."""
    acc = register_type(dtype)
    fold = combine("sum" if kind == "avg" else kind, dtype, "best", "v")
    done = f"best * {literal(share, dtype)}" if kind == "avg" else "best"
    text = f"""DIMS(20);
KERNEL GROUP({GROUP}, 1, 1) void pool(GLOBAL const {storage_type(dtype)} * RESTRICT x, GLOBAL {storage_type(dtype)} * RESTRICT y, const struct dims d) {{
  {names(2)}
  const i64 i = GID(0);
  if (i < d.v[15]) {{
    const i64 r = i / OW, ow = i - r * OW, q = r / OH, oh = r - q * OH, n = q / C, c = q - n * C;
    const i64 at = d.v[0] + n * d.v[16] + c * d.v[17];
    {acc} best = {identity("sum" if kind == "avg" else kind, dtype)};
    for (i64 kh = 0; kh < KH; kh++) {{
      const i64 h = oh * SH - PH + kh * DH;
      if (h >= 0 && h < H)
        for (i64 kw = 0; kw < KW; kw++) {{
          const i64 w = ow * SW - PW + kw * DW;
          if (w >= 0 && w < W) {{
            const {acc} v = {load(dtype, "x", "at + h * d.v[18] + w * d.v[19]")};
            best = {fold};
          }}
        }}
    }}
    {store(dtype, "y", "d.v[1] + i", done)}
  }}
}}"""
    return Source("pool", text, (GROUP, 1, 1))


_WINS = """const {acc} v = {x}, best = {y};
          b1 wins = v == best || (v != v && best != best);
          if (wins && best == best)
            for (i64 k = 0; k < kh * KW + kw && wins; k++) {{
              const i64 a = oh * SH - PH + k / KW * DH, e = ow * SW - PW + k % KW * DW;
              if (a >= 0 && a < H && e >= 0 && e < W && {other} == best) wins = 0;
            }}
          else if (wins)
            for (i64 k = kh * KW + kw + 1; k < KH * KW && wins; k++) {{
              const i64 a = oh * SH - PH + k / KW * DH, e = ow * SW - PW + k % KW * DW;
              if (a >= 0 && a < H && e >= 0 && e < W && {other} != {other}) wins = 0;
            }}
          if (wins) sum = {add};"""


@cache
def _backward(dtype: Any, kind: str, share: float) -> Source:
    """Numbers: the window's and the image's, how many elements; g, x and y are dense.

    The first winner in window order gets the gradient, or the last NaN, as in PyTorch.
    """
    acc, cell = register_type(dtype), storage_type(dtype)
    g = load(dtype, "g", "d.v[0] + o")
    if kind == "avg":
        take = f"sum = sum + {g} * {literal(share, dtype)};"
    else:
        other = load(dtype, "x", "d.v[1] + (q * H + a) * W + e")
        x, y = load(dtype, "x", "d.v[1] + i"), load(dtype, "y", "d.v[2] + o")
        take = _WINS.format(acc=acc, x=x, y=y, other=other, add=arithmetic("add", "sum", g, dtype))
    text = f"""DIMS(18);
KERNEL GROUP({GROUP}, 1, 1) void pool_backward(GLOBAL const {cell} * RESTRICT g, GLOBAL const {cell} * RESTRICT x, GLOBAL const {cell} * RESTRICT y, GLOBAL {cell} * RESTRICT dx, const struct dims d) {{
  {names(4)}
  const i64 i = GID(0);
  if (i < d.v[17]) {{
    const i64 r = i / W, w = i - r * W + PW, q = r / H, h = r - q * H + PH;
    {acc} sum = 0;
    for (i64 kh = 0; kh < KH; kh++) {{
      const i64 u = h - kh * DH, oh = u / SH;
      if (u >= 0 && oh * SH == u && oh < OH)
        for (i64 kw = 0; kw < KW; kw++) {{
          const i64 f = w - kw * DW, ow = f / SW;
          if (f < 0 || ow * SW != f || ow >= OW) continue;
          const i64 o = (q * OH + oh) * OW + ow;
          {take}
        }}
    }}
    {store(dtype, "dx", "d.v[3] + i", "sum")}
  }}
}}"""
    return Source("pool_backward", text, (GROUP, 1, 1))


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("pool2d", specialize=True)
    def pool2d(sig: Signature, *, kind: str, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        x, out = sig.inputs[0], sig.outputs[0]
        window = Window(kernel, stride, padding, dilation)
        source = _forward(x.dtype, kind, 1.0 / (kernel[0] * kernel[1]))
        numbers, items = (*window.numbers, *x.shape[1:], *out.shape[2:], out.numel), -(-out.numel // GROUP)
        if engine.target.cpu:
            count, work = x.shape[0] * x.shape[1], out.shape[2] * out.shape[3] * kernel[0] * kernel[1]
            each, items = planes.share(count, work, engine.target.units)
            source = planes.pool(x.dtype, kind, 1.0 / (kernel[0] * kernel[1]))
            numbers = (*numbers[:-1], count, each)
        calls: dict[Any, Any] = {}

        def run(a: Array) -> Array:
            call = calls.get(a.strides)
            if call is None:
                launch = Launch(source, (items, 1, 1), (*numbers, *a.strides))
                call = calls[a.strides] = engine.prepare(launch)
            y = engine.empty(out.shape, out.dtype)
            call((a, y), ())
            return y

        return run

    @registry.kernel("pool2d.backward", specialize=True)
    def pool2d_backward(
        sig: Signature, *, kind: str, kernel: Any, stride: Any, padding: Any, dilation: Any, needs: Any
    ) -> Any:
        g, x = sig.inputs[:2]
        if not x.dtype.is_float:
            return NotImplemented
        window = Window(kernel, stride, padding, dilation)
        numbers = (*window.numbers, *x.shape[1:], *g.shape[2:], x.numel)
        source = _backward(x.dtype, kind, 1.0 / (kernel[0] * kernel[1]))
        launch = Launch(source, (-(-x.numel // GROUP), 1, 1), numbers)
        if engine.target.cpu and x.dtype.compute is x.dtype:
            count, work = x.shape[0] * x.shape[1], g.shape[2] * g.shape[3] * kernel[0] * kernel[1]
            each, items = planes.share(count, work, engine.target.units)
            source = planes.pool_backward(x.dtype, kind, 1.0 / (kernel[0] * kernel[1]))
            launch = Launch(source, (items, 1, 1), (*numbers[:-1], count, each))
        call = engine.prepare(launch)
        tidy = engine.copier.contiguous

        def run(g_: Array, x_: Array, y_: Array) -> list[Array]:
            dx = engine.empty(x.shape, x.dtype)
            call((tidy(g_), tidy(x_), tidy(y_), dx), ())
            return [dx]

        return run
