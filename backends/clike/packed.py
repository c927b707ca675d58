"""Large matrix products on CPUs: both operands are packed once, then blocks of Y are computed, each by one item.

A goes into strips of `down` rows, B into panels of `across` columns, each one step of k after another and in the register type, so that
a tile of Y, held in registers, reads both in a straight line whatever their layout was. A block walks K in parts: a part of a panel
stays in the first cache level while the strips go by, which stay in the second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from .engine import Source
from .expr import load, store
from .gemm import Text, step, vector_type

__all__ = ["Block", "block", "multiply", "pack"]

DEPTH = 256  # steps of k in a part: of a panel of 16 columns, half of a first-level cache
TALL, WIDE = 192, 256  # rows and columns of a block of Y, about
GROUPS = 12  # blocks that are worth smaller ones, for every batch and processor to have its share
COPIED = 128  # steps of k that an item packs


class Block(NamedTuple):
    """Strips and panels in all, then of a block of Y, and the steps of k in a part."""

    strips: int
    panels: int
    tall: int
    wide: int
    depth: int

    @property
    def groups(self) -> tuple[int, int]:
        return -(-self.panels // self.wide), -(-self.strips // self.tall)


def block(sizes: tuple[int, int, int], batches: int, down: int, across: int, narrow: bool) -> Block:
    """How a product of (m, n, k) is split; where Y is `narrow`, parts of K would be rounded, so there is one."""
    m, n, k = sizes
    strips, panels = -(-m // down), -(-n // across)
    tall, wide = _even(strips, TALL // down), _even(panels, WIDE // across)
    while batches * -(-strips // tall) * -(-panels // wide) < GROUPS and (wide > 4 or tall > 4):
        if wide * across >= tall * down and wide > 4:
            wide = -(-wide // 2)
        else:
            tall = -(-tall // 2)
    return Block(strips, panels, tall, wide, k if narrow else _even(k, DEPTH))


def _even(total: int, most: int) -> int:
    """Parts alike, of about `most`."""
    return -(-total // max(1, round(total / most)))


@lru_cache(256)
def pack(dtype: Any, batch: int, down: int, across: int) -> Source:
    """Both operands packed by one launch; zeros beyond the edges. Groups: parts of K, strips and then panels, batches."""
    t = Text(dtype, batch, ("A", "B", "strips", "panels"))
    name, wide = f"gemm_copy_{down}x{across}", {"strips": t.acc, "panels": t.acc}
    first = f"d.v[2] + (z * all + s) * K * {down}", f"d.v[3] + (z * count + p) * K * {across}"
    lines = [
        *t.head(name, (1, 1, 1), wide),
        f"  const i64 from = BID(0) * {COPIED}, to = from + {COPIED} < K ? from + {COPIED} : K;",
        f"  const i64 s = BID(1), all = (M + {down - 1}) / {down}, p = s - all, count = (N + {across - 1}) / {across};",
        "  if (p < 0) {",
        f"    const i64 at = a0 + s * {down} * am, left = M - s * {down}, start = {first[0]};",
        *_copy(f"strips[start + k * {down} + j]", lambda at: load(dtype, "A", at), "am", "ak", down),
        "  } else {",
        f"    const i64 at = b0 + p * {across} * bn, left = N - p * {across}, start = {first[1]};",
        *_copy(f"panels[start + k * {across} + j]", lambda at: load(dtype, "B", at), "bn", "bk", across),
        "  }",
        "}",
    ]
    return Source(name, "\n".join(lines), (1, 1, 1))


def _copy(place: str, value: Callable[[str], str], across: str, along: str, size: int) -> list[str]:
    """Loops over the steps of k of a strip; 16 at a time where they may lie side by side, so that lines are read whole."""
    return [
        f"    if (left >= {size} && {across} == 1) {{",
        f"      for (i64 k = from; k < to; k++) for (i64 j = 0; j < {size}; j++) {place} = {value(f'at + k * {along} + j')};",
        "    } else {",
        f"      for (i64 b = from; b < to; b += 16) for (i64 j = 0; j < {size}; j++) {{",
        "        const i64 end = b + 16 < to ? b + 16 : to;",
        f"        if (j < left) for (i64 k = b; k < end; k++) {place} = {value(f'at + k * {along} + j * {across}')};",
        f"        else for (i64 k = b; k < end; k++) {place} = 0;",
        "      }",
        "    }",
    ]


@lru_cache(256)
def multiply(dtype: Any, bias: bool, down: int, width: int, vectors: int, fma: bool) -> Source:
    """A block of Y from strips and panels. Groups as `Block.groups` has them; the numbers: M, N, K and the `Block`."""
    v, across, y = vector_type(dtype, width), width * vectors, 3 if bias else 2
    names = ("strips", "panels", *("bias",) * bias, "Y")
    t = Text(dtype, 0, names)
    m, n, k, strips, panels, tall, wide, depth = (f"d.v[{len(names) + i}]" for i in range(8))
    cells = [(i, j) for i in range(down) for j in range(vectors)]
    lines = [
        f"DIMS({len(names) + 8});",
        t.signature(name := f"gemm_blocks_{down}x{width}x{vectors}", (1, 1, 1), {"strips": t.acc, "panels": t.acc}),
        f"  const i64 M = {m}, N = {n}, K = {k}, z = BID(2), y0 = d.v[{y}] + z * M * N;",
        f"  const i64 i0 = BID(1) * {tall}, j0 = BID(0) * {wide}, depth = {depth};",
        f"  const i64 i1 = i0 + {tall} < {strips} ? i0 + {tall} : {strips}, j1 = j0 + {wide} < {panels} ? j0 + {wide} : {panels};",
        "  for (i64 k0 = 0; k0 < K; k0 += depth) for (i64 j = j0; j < j1; j++) for (i64 i = i0; i < i1; i++) {",
        f"    const i64 r = i * {down}, c = j * {across}, steps = k0 + depth < K ? depth : K - k0;",
        f"    GLOBAL const {t.acc} *a = strips + (d.v[0] + ((z * {strips} + i) * K + k0) * {down});",
        f"    GLOBAL const {t.acc} *b = panels + (d.v[1] + ((z * {panels} + j) * K + k0) * {across});",
        *[f"    {v} acc{i}_{j} = 0;" for i, j in cells],
        "    for (i64 k = 0; k < steps; k++) {",
        *[f"      const {v} w{j} = vload{width}({j}, b);" for j in range(vectors)],
    ]
    for i in range(down):
        lines.append(f"      const {v} x{i} = ({v})(a[{i}]);")
        lines += [f"      acc{i}_{j} = {step(f'x{i}', f'w{j}', f'acc{i}_{j}', fma)};" for j in range(vectors)]
    lines += [f"      a += {down};", f"      b += {across};", "    }"]
    if dtype.storage in ("f32", "f64"):
        lines += [f"    if (r + {down} <= M && c + {across} <= N) {{", *_whole(t, cells, width), "      continue;", "    }"]
    lines.append(f"    {t.acc} tile[{down * across}];")
    lines += [f"    vstore{width}(acc{i}_{j}, {i * vectors + j}, tile);" for i, j in cells]
    at, value = "y0 + (r + p) * N + c + q", f"tile[p * {across} + q]"
    added = load(dtype, "bias", "d.v[2] + c + q") if bias else f"({t.acc})0"
    lines += [
        f"    for (i64 p = 0; p < {down} && r + p < M; p++) for (i64 q = 0; q < {across} && c + q < N; q++) {{",
        f"      const {t.acc} plus = k0 > 0 ? {load(dtype, 'Y', at)} : {added};",
        "      " + store(dtype, "Y", at, f"{value} + plus"),
        "    }",
        "  }",
        "}",
    ]
    return Source(name, "\n".join(lines), (1, 1, 1))


def _whole(t: Text, cells: list[tuple[int, int]], width: int) -> list[str]:
    """A tile within the edges: what is there, or the bias, is added, and all is stored."""
    places = {(i, j): f"Y + y0 + (r + {i}) * N + c + {j * width}" for i, j in cells}
    lines = [f"      if (k0 > 0) acc{i}_{j} += vload{width}(0, {p});" for (i, j), p in places.items()]
    if "bias" in t.names:
        lines += [
            f"      if (k0 == 0) acc{i}_{j} += vload{width}(0, bias + d.v[2] + c + {j * width});" for i, j in cells
        ]
    return lines + [f"      vstore{width}(acc{i}_{j}, 0, {p});" for (i, j), p in places.items()]
