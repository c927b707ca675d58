"""Windows on images for CPUs: an item owns whole lines or planes and walks them in order, without a division per element.

What a plane receives is added in place, so these kernels take floats whose sums are stored in their own type (f32, f64);
numbers as in conv.py: KH KW SH SW PH PW DH DW C H W OH OW, then what each kernel says.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .engine import Source
from .expr import load, store
from .rowwriter import combine, identity
from .types import literal, register_type, storage_type

__all__ = ["col2im", "im2col", "pool", "pool_backward", "share"]

PARTS = ["KH", "KW", "SH", "SW", "PH", "PW", "DH", "DW", "C", "H", "W", "OH", "OW"]


def names(first: int) -> str:
    """Declarations of a window's and an image's numbers by their names."""
    return "const i64 " + ", ".join(f"{n} = d.v[{first + k}]" for k, n in enumerate(PARTS)) + ";"


def share(count: int, work: int, units: int) -> tuple[int, int]:
    """(lines or planes per item, items), so that an item has enough to do and every unit has items."""
    each = max(1, min(4096 // max(1, work), count // (4 * units)))
    return each, -(-count // each)


def _head(name: str, arrays: str, first: int, extra: int) -> str:
    return f"""DIMS({first + 13 + extra});
KERNEL GROUP(1, 1, 1) void {name}({arrays}, const struct dims d) {{
  {names(first)}
  const i64 count = d.v[{first + 13}], each = d.v[{first + 14}], begin = GID(0) * each, end = begin + each < count ? begin + each : count;
  for (i64 q = begin; q < end; q++) {{"""


def _moved(source: Any, target: Any) -> str:
    """Statements for windows one step apart on a plane of their own size: it moves as a whole, and what went over the edges is cleared."""
    vectors = ""
    if source is target and source.storage in ("f32", "f64"):
        vectors = "for (; p + 8 <= end; p += 8) vstore8(vload8(0, x + (at + p)), 0, y + (plane + p));"
    clear = f"""_Pragma("clang loop vectorize(disable)") for (i64 k = plane + first * OW + ow; k < plane + last * OW; k += OW) {store(target, "y", "k", "0")}"""
    return f"""
      const i64 at = d.v[0] + n * d.v[17] + c * d.v[18] + top * W + left, end = last * OW - OW + to;
      i64 p = 0;
      for (; p < first * OW + start; p++) {store(target, "y", "plane + p", "0")}
      {vectors}
      for (; p < end; p++) {store(target, "y", "plane + p", load(source, "x", "at + p"))}
      for (; p < OH * OW; p++) {store(target, "y", "plane + p", "0")}
      for (i64 ow = 0; ow < start; ow++) {clear}
      for (i64 ow = to; ow < OW; ow++) {clear}"""


@cache
def im2col(source: Any, target: Any) -> Source:
    """Then: lines (n, c, kh, kw), lines per item, x's strides (4), the columns' strides of an image and of a row."""
    x, zero = load(source, "x", "at + ow * step"), store(target, "y", "out + ow", "0")
    arrays = f"GLOBAL const {storage_type(source)} * RESTRICT x, GLOBAL {storage_type(target)} * RESTRICT y"
    text = f"""{_head("im2col", arrays, 2, 8)}
    const i64 n = (u32)q / (u32)(C * KH * KW), row = q - n * (C * KH * KW), c = (u32)row / (u32)(KH * KW), k = row - c * (KH * KW), kh = (u32)k / (u32)KW, kw = k - kh * KW;
    const i64 left = kw * DW - PW, step = SW * d.v[20];
    const i64 from = left >= 0 ? 0 : SW == 1 ? -left : (-left + SW - 1) / SW, fits = left >= W ? 0 : SW == 1 ? W - left : (W - 1 - left) / SW + 1;
    const i64 to = fits < OW ? fits : OW, start = from < to ? from : to, plane = d.v[1] + n * d.v[21] + row * d.v[22];
    const i64 top = kh * DH - PH, first = top < 0 ? -top : 0, last = H - top < OH ? H - top : OH;
    if (SH == 1 && step == 1 && d.v[19] == W && OW == W && first < last && start < to) {{{_moved(source, target)}
      continue;
    }}
    for (i64 oh = 0; oh < OH; oh++) {{
      const i64 h = oh * SH - PH + kh * DH, out = plane + oh * OW;
      if (h < 0 || h >= H) {{
        for (i64 ow = 0; ow < OW; ow++) {zero}
        continue;
      }}
      const i64 at = d.v[0] + n * d.v[17] + c * d.v[18] + h * d.v[19] + left * d.v[20];
      for (i64 ow = 0; ow < start; ow++) {zero}
      for (i64 ow = start; ow < to; ow++) {store(target, "y", "out + ow", x)}
      for (i64 ow = to; ow < OW; ow++) {zero}
    }}
  }}
}}"""
    return Source("im2col", text, (1, 1, 1))


@cache
def col2im(dtype: Any) -> Source:
    """Then: planes (n, c), planes per item; both arrays dense."""
    t = storage_type(dtype)
    text = f"""{_head("col2im", f"GLOBAL const {t} * RESTRICT x, GLOBAL {t} * RESTRICT y", 2, 2)}
    const i64 out = d.v[1] + q * H * W;
    for (i64 i = 0; i < H * W; i++) y[out + i] = 0;
    for (i64 kh = 0; kh < KH; kh++)
      for (i64 kw = 0; kw < KW; kw++) {{
        const i64 left = kw * DW - PW, from = left >= 0 ? 0 : (-left + SW - 1) / SW, fits = left >= W ? 0 : (W - 1 - left) / SW + 1;
        const i64 to = fits < OW ? fits : OW;
        for (i64 oh = 0; oh < OH; oh++) {{
          const i64 h = oh * SH - PH + kh * DH, at = d.v[0] + (((q * KH + kh) * KW + kw) * OH + oh) * OW, row = out + h * W + left;
          if (h >= 0 && h < H)
            for (i64 ow = from; ow < to; ow++) y[row + ow * SW] += x[at + ow];
        }}
      }}
  }}
}}"""
    return Source("col2im", text, (1, 1, 1))


@cache
def pool(dtype: Any, kind: str, part: float) -> Source:
    """Then: planes (n, c), planes per item, x's strides (4)."""
    t, acc = storage_type(dtype), register_type(dtype)
    fold = combine("sum" if kind == "avg" else kind, dtype, "best", "v")
    done = f"best * {literal(part, dtype)}" if kind == "avg" else "best"
    text = f"""{_head("pool", f"GLOBAL const {t} * RESTRICT x, GLOBAL {t} * RESTRICT y", 2, 6)}
    const i64 n = q / C, c = q - n * C, at = d.v[0] + n * d.v[17] + c * d.v[18], out = d.v[1] + q * OH * OW;
    for (i64 oh = 0; oh < OH; oh++)
      for (i64 ow = 0; ow < OW; ow++) {{
        {acc} best = {identity("sum" if kind == "avg" else kind, dtype)};
        for (i64 kh = 0; kh < KH; kh++)
          for (i64 kw = 0; kw < KW; kw++) {{
            const i64 h = oh * SH - PH + kh * DH, w = ow * SW - PW + kw * DW;
            if (h < 0 || h >= H || w < 0 || w >= W) continue;
            const {acc} v = {load(dtype, "x", "at + h * d.v[19] + w * d.v[20]")};
            best = {fold};
          }}
        {store(dtype, "y", "out + oh * OW + ow", done)}
      }}
  }}
}}"""
    return Source("pool", text, (1, 1, 1))


@cache
def pool_backward(dtype: Any, kind: str, part: float) -> Source:
    """Then: planes (n, c), planes per item; all arrays dense. The first winner takes the gradient, or the last NaN."""
    t = storage_type(dtype)
    arrays = f"GLOBAL const {t} * RESTRICT g, GLOBAL const {t} * RESTRICT x, GLOBAL const {t} * RESTRICT y, GLOBAL {t} * RESTRICT dx"
    windows = """const i64 h = oh * SH - PH + kh * DH, w = ow * SW - PW + kw * DW;
            if (h < 0 || h >= H || w < 0 || w >= W) continue;"""
    forward = f"for (i64 kh = 0; kh < KH; kh++) for (i64 kw = 0; kw < KW; kw++) {{ {windows}"
    value = "x[d.v[1] + q * H * W + h * W + w]"
    given = f"{forward} dx[out + h * W + w] += slope * {literal(part, dtype)}; }}"
    won = f"""const {t} best = y[d.v[2] + o];
        i64 winner = -1;
        for (i64 kh = KH - 1; kh >= 0; kh--) for (i64 kw = KW - 1; kw >= 0; kw--) {{ /* from the end: the first stays, without a branch */
            {windows}
            winner = {value} == best ? h * W + w : winner;
        }}
        if (best != best) {forward} if ({value} != {value}) winner = h * W + w; }}
        if (winner >= 0) dx[out + winner] += slope;"""
    text = f"""{_head("pool_backward", arrays, 4, 2)}
    const i64 out = d.v[3] + q * H * W;
    for (i64 i = 0; i < H * W; i++) dx[out + i] = 0;
    for (i64 oh = 0; oh < OH; oh++)
      for (i64 ow = 0; ow < OW; ow++) {{
        const i64 o = (q * OH + oh) * OW + ow;
        const {t} slope = g[d.v[0] + o];
        {given if kind == "avg" else won}
      }}
  }}
}}"""
    return Source("pool_backward", text, (1, 1, 1))
