"""Large matrix products on CPUs: both operands are packed once, then blocks of Y are computed, each by one item.

A goes into strips of `down` rows, B into panels of `across` columns, in the register type: of a panel one step of k after another, of a
strip `STEPS` of each row side by side, so that rows are copied as vectors; the other layouts are transposed in registers. A tile of Y, held
in registers, reads both in a straight line. A block walks K in parts: a part of a panel stays in the first cache level while the strips
go by, which stay in the second. Source: K. Goto, R. van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from .engine import Source
from .expr import load, store
from .gemm import Text, step, vector_type, vload

__all__ = ["Block", "block", "multiply", "pack"]

DEPTH = 512  # steps of k in a part: of a panel of 16 columns, a first-level cache of 32 KiB
TALL, WIDE = 192, 256  # rows and columns of a block of Y, about
GROUPS = 12  # blocks that are worth smaller ones, for every batch and processor to have its share
STEPS = 8  # of k, that lie side by side for each row of a strip
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
    return Block(strips, panels, tall, wide, -(-k // STEPS) * STEPS if narrow else -(-_even(k, DEPTH) // STEPS) * STEPS)


def _even(total: int, most: int) -> int:
    """Parts alike, of about `most`."""
    return -(-total // max(1, round(total / most)))


class _Side(NamedTuple):
    """An operand on its way: its array and where it goes, the strides of its lines and steps, lines of a strip, how many there are."""

    array: str
    place: str
    line: str
    step: str
    size: int
    by_line: bool  # the steps of a line lie side by side, instead of the lines of a step


@lru_cache(256)
def pack(dtype: Any, batch: int, down: int, across: int) -> Source:
    """Both operands packed by one launch; zeros beyond the edges. Groups: parts of K, strips and then panels, batches."""
    t = Text(dtype, batch, ("A", "B", "strips", "panels"))
    strips, panels = _Side("A", "strips", "am", "ak", down, True), _Side("B", "panels", "bn", "bk", across, False)
    lines = [
        *t.head(name := f"gemm_copy_{down}x{across}", (1, 1, 1), {"strips": t.acc, "panels": t.acc}),
        f"  const i64 deep = {_whole_steps('K')}, from = BID(0) * {COPIED}, end = from + {COPIED} < deep ? from + {COPIED} : deep;",
        f"  const i64 s = BID(1), all = (M + {down - 1}) / {down}, p = s - all, count = (N + {across - 1}) / {across};",
        "  if (p < 0) {",
        f"    const i64 at = a0 + s * {down} * am, left = M - s * {down}, start = d.v[2] + (z * all + s) * deep * {down};",
        *_copy(dtype, strips),
        "  } else {",
        f"    const i64 at = b0 + p * {across} * bn, left = N - p * {across}, start = d.v[3] + (z * count + p) * deep * {across};",
        *_copy(dtype, panels),
        "  }",
        "}",
    ]
    return Source(name, "\n".join(lines), (1, 1, 1))


def _whole_steps(k: str) -> str:
    return f"({k} + {STEPS - 1}) / {STEPS} * {STEPS}"


def _copy(dtype: Any, s: _Side) -> list[str]:
    """A loop over the steps of a strip, `STEPS` at a time: as vectors where lines or steps lie side by side, else one by one."""
    to = f"to + i * {STEPS} + q" if s.by_line else f"to + q * {s.size} + i"
    one = load(dtype, s.array, f"at + i * {s.line} + (k + q) * {s.step}")
    return [
        f"    for (i64 k = from; k < end; k += {STEPS}) {{",
        f"      const i64 to = start + k * {s.size};",
        f"      if (k + {STEPS} <= K && left >= {-(-s.size // STEPS) * STEPS} && {s.line} == 1) {{",
        *_vectors(dtype, s, True),
        f"      }} else if (k + {STEPS} <= K && left >= {s.size} && {s.step} == 1) {{",
        *_vectors(dtype, s, False),
        "      } else {",
        f"        for (i64 i = 0; i < {s.size}; i++) for (i64 q = 0; q < {STEPS}; q++) {s.place}[{to}] = i < left && k + q < K ? {one} : 0;",
        "      }",
        "    }",
    ]


def _vectors(dtype: Any, s: _Side, by_step: bool) -> list[str]:
    """The `STEPS` steps of a strip, read by step or by line; turned where they are written the other way."""
    out = []
    for first in range(0, s.size, STEPS):
        count = min(STEPS, s.size - first)
        read = [
            f"at + (k + {i}) * {s.step} + {first}" if by_step else f"at + {first + min(i, count - 1)} * {s.line} + k"
            for i in range(STEPS)
        ]
        v = [vload(dtype, STEPS, s.array, f"({at})") for at in read]
        out.append("      {")
        out += [f"        const {vector_type(dtype, STEPS)} x{i} = {x};" for i, x in enumerate(v)]
        names = [f"x{i}" for i in range(STEPS)]
        if by_step == s.by_line:
            turned, names = _turned(vector_type(dtype, STEPS), names)
            out += turned
        for i in range(count if s.by_line else STEPS):
            at = f"to + {(first + i) * STEPS}" if s.by_line else f"to + {i * s.size + first}"
            lanes = STEPS if s.by_line else count  # 4 where a panel is 12 columns wide
            out.append(f"        vstore{lanes}({names[i]}{'.lo' * (lanes < STEPS)}, 0, {s.place} + ({at}));")
        out.append("      }")
    return out


def _turned(v: str, x: list[str]) -> tuple[list[str], list[str]]:
    """Statements that transpose a square of 8 vectors of 8, and the names of the result: three perfect shuffles."""
    out = []
    for stage in "abc":
        new = []
        for i in range(4):
            for half in range(2):
                new.append(name := f"{stage}{2 * i + half}")
                lanes = ", ".join(f"{x[i]}.s{j}, {x[i + 4]}.s{j}" for j in range(4 * half, 4 * half + 4))
                out.append(f"        const {v} {name} = ({v})({lanes});")
        x = new
    return out, x


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
        f"  const i64 i0 = BID(1) * {tall}, j0 = BID(0) * {wide}, depth = {depth}, deep = {_whole_steps('K')};",
        f"  const i64 i1 = i0 + {tall} < {strips} ? i0 + {tall} : {strips}, j1 = j0 + {wide} < {panels} ? j0 + {wide} : {panels};",
        "  for (i64 k0 = 0; k0 < K; k0 += depth) for (i64 j = j0; j < j1; j++) for (i64 i = i0; i < i1; i++) {",
        f"    const i64 r = i * {down}, c = j * {across}, steps = k0 + depth < deep ? depth : deep - k0;",
        f"    GLOBAL const {t.acc} *a = strips + (d.v[0] + ((z * {strips} + i) * deep + k0) * {down});",
        f"    GLOBAL const {t.acc} *b = panels + (d.v[1] + ((z * {panels} + j) * deep + k0) * {across});",
        *[f"    {v} acc{i}_{j} = 0;" for i, j in cells],
        f"    for (i64 k = 0; k < steps; k += {STEPS}, a += {down * STEPS}) UNROLL for (i64 q = 0; q < {STEPS}; q++, b += {across}) {{",
        *[f"      const {v} w{j} = vload{width}({j}, b);" for j in range(vectors)],
    ]
    for i in range(down):
        lines.append(f"      const {v} x{i} = ({v})(a[{i} * {STEPS} + q]);")
        lines += [f"      acc{i}_{j} = {step(f'x{i}', f'w{j}', f'acc{i}_{j}', fma)};" for j in range(vectors)]
    lines.append("    }")
    if dtype.storage in ("f32", "f64"):
        lines += [
            f"    if (r + {down} <= M && c + {across} <= N) {{",
            *_whole(t, cells, width),
            "      continue;",
            "    }",
        ]
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
