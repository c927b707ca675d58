"""The heart of matrix products: a tile of C += A B whose sums stay in registers.

A is packed in strips of `rows()` rows, one column after another; B is a panel, row-major, of which a tile reads `columns()`.
"""

from __future__ import annotations

from functools import cache

from .compiler import cpu_features, vector_bytes
from .ir import Function, V, vec
from .lanes import first_lanes

__all__ = ["columns", "rows", "tile_function", "wide"]

UNROLL = 4


@cache
def wide() -> int:
    """Lanes of a vector register of f32."""
    return vector_bytes() // 4


@cache
def rows() -> int:
    """Rows of a tile: as many as leave registers for two vectors of B and one of A."""
    return 12 if "avx512f" in cpu_features() or (vector_bytes() == 16 and "neon" in cpu_features()) else 6


def columns() -> int:
    """Columns of a tile: two vectors."""
    return 2 * wide()


def tile_function(height: int) -> Function:
    """tile(a, b, k, stride of b, c, stride of c, add, cols): `height` rows; strides in bytes; `add` adds to what c holds."""
    w = wide()
    t = vec("float", w)
    b = Function(
        f"internal void @tile{height}(ptr %a, ptr %b, i64 %k, i64 %bs, ptr %c, i64 %cs, i64 %add, i64 %cols)",
        "noinline",
    )
    a, panel, k, stride = b.arg("a"), b.arg("b"), b.arg("k", "i64"), b.arg("bs", "i64")
    c, cs, add, cols = b.arg("c"), b.arg("cs", "i64"), b.arg("add", "i64"), b.arg("cols", "i64")
    sums = [b.const(0.0, t) for _ in range(2 * height)]
    whole = k & -UNROLL
    with b.loop(0, whole, UNROLL, a, panel, *sums) as loop:
        loop.next(*_steps(b, loop.values, height, stride, UNROLL))
    with b.loop(whole, k, 1, *loop.out) as rest:
        rest.next(*_steps(b, rest.values, height, stride, 1))
    totals = rest.out[2:]
    full, part, done, over, plain = (b.label(x) for x in ("full", "part", "done", "over", "plain"))
    b.branch(cols.cmp("sge", columns()), full, part)
    b.start(full)
    b.branch(add.cmp("ne", 0), over, plain)
    for label, adds in ((over, True), (plain, False)):
        b.start(label)
        place = c
        for i in range(height):
            for v in range(2):
                p = b.at(place, v * w * 4)
                x = totals[2 * i + v]
                b.store(b.load(p, t) + x if adds else x, p)
            place = b.at(place, cs)
        b.jump(done)
    b.start(part)
    keep = [first_lanes(b, cols - v * w, w) for v in range(2)]
    old = [m & add.cmp("ne", 0).splat(w) for m in keep]
    short = f"v{w}f32.p0"
    b.declarations |= {f"declare {t} @llvm.masked.load.{short}(ptr, {keep[0].type}, {t})",
                       f"declare void @llvm.masked.store.{short}({t}, ptr, {keep[0].type})"}  # fmt: skip
    place = c
    for i in range(height):
        for v in range(2):
            p = b.at(place, v * w * 4)
            held = b.emit(f"call {t} @llvm.masked.load.{short}(ptr align 4 {p.name}, {old[v]}, {t} zeroinitializer)", t)
            b.do(f"call void @llvm.masked.store.{short}({held + totals[2 * i + v]}, ptr align 4 {p.name}, {keep[v]})")
        place = b.at(place, cs)
    b.jump(done)
    b.start(done)
    b.ret()
    return b


def _steps(b: Function, values: list[V], height: int, stride: V, count: int) -> list[V]:
    """`count` steps along k: each a row of B times a column of A."""
    w = wide()
    a, panel, *sums = values
    for u in range(count):
        row = [b.load(b.at(panel, v * w * 4), vec("float", w)) for v in range(2)]
        for i in range(height):
            x = b.load(b.at(a, (u * height + i) * 4), "float").splat(w)
            for v in range(2):
                sums[2 * i + v] = b.fma(x, row[v], sums[2 * i + v])
        panel = b.at(panel, stride)
    return [b.at(a, 4 * height * count), panel, *sums]
