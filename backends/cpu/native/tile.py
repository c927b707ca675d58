"""The heart of matrix products: a tile of C += A B whose sums stay in registers.

A is packed in strips of `rows()` rows, one column after another; B is a panel, row-major, of which a tile reads `columns()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from .compiler import cpu_features, vector_bytes
from .ir import Function, V, lanes, scalar_type, size_of, vec
from .lanes import first_lanes, masked_load, masked_store

__all__ = ["columns", "rows", "tile_function", "wide"]

UNROLL = 4


@cache
def wide(type_: str = "float") -> int:
    """Lanes of a vector register."""
    return vector_bytes() // size_of(type_)


@cache
def rows() -> int:
    """Rows of a tile: as many as leave registers for two vectors of B and one of A."""
    return 12 if "avx512f" in cpu_features() or (vector_bytes() == 16 and "neon" in cpu_features()) else 6


def columns(type_: str = "float") -> int:
    """Columns of a tile: two vectors."""
    return 2 * wide(type_)


def tile_function(height: int, type_: str = "float", table: bool = False) -> Function:
    """tile(a, b, k, stride of b, c, stride of c, plus, stride of plus, cols, live): `height` rows, of which `live` are stored.

    Strides are in bytes; where `plus` is not null, its rows are added to the sums: c's own, or a bias for all (stride 0).

    * `table`: in place of the stride of b comes a table of where its rows begin, in bytes.
    """
    w, size = wide(type_), size_of(type_)
    t, bs = vec(type_, w), "ptr" if table else "i64"
    b = Function(
        f"internal void @tile{height}(ptr %a, ptr %b, i64 %k, {bs} %bs, ptr %c, i64 %cs, ptr %plus, i64 %ps, i64 %cols, i64 %live)",
        "noinline",
    )
    k, stride = b.arg("k", "i64"), b.arg("bs", bs)
    plus, cols = b.arg("plus"), b.arg("cols", "i64")
    sums = [b.const(0.0, t) for _ in range(2 * height)]
    whole = k & -UNROLL
    with b.loop(0, whole, UNROLL, b.arg("a"), stride if table else b.arg("b"), *sums) as loop:
        loop.next(*_steps(b, loop.values, height, stride, UNROLL))
    with b.loop(whole, k, 1, *loop.out) as rest:
        rest.next(*_steps(b, rest.values, height, stride, 1))
    totals = rest.out[2:]
    full, part, done, over, plain = (b.label(x) for x in ("full", "part", "done", "over", "plain"))
    b.branch(cols.cmp("sge", columns(type_)), full, part)
    b.start(full)
    b.branch(plus.cmp("ne", 0), over, plain)
    for label, adds in ((over, True), (plain, False)):
        b.start(label)
        for i, place, more in _lines(b, height, done):
            for v in range(2):
                x = totals[2 * i + v]
                p, q = b.at(place, v * w * size), b.at(more, v * w * size)
                b.store(b.load(q, t) + x if adds else x, p)
        b.jump(done)
    b.start(part)
    keep = [first_lanes(b, cols - v * w, w) for v in range(2)]
    old = [m & plus.cmp("ne", 0).splat(w) for m in keep]
    for i, place, more in _lines(b, height, done):
        for v in range(2):
            p, q = b.at(place, v * w * size), b.at(more, v * w * size)
            masked_store(b, masked_load(b, q, t, old[v]) + totals[2 * i + v], p, keep[v])
    b.jump(done)
    b.start(done)
    b.ret()
    return b


def _lines(b: Function, height: int, done: str) -> Iterator[tuple[int, V, V]]:
    """The live rows: number, place in C, place of what is added."""
    place, more = b.arg("c"), b.arg("plus")
    for i in range(height):
        if i:
            following = b.label("row")
            b.branch(b.arg("live", "i64").cmp("sgt", i), following, done)
            b.start(following)
            place, more = b.at(place, b.arg("cs", "i64")), b.at(more, b.arg("ps", "i64"))
        yield i, place, more


def _steps(b: Function, values: list[V], height: int, stride: V, count: int) -> list[V]:
    """`count` steps along k: each a row of B times a column of A; a stride that is a pointer is a table, along which they go."""
    a, panel, *sums = values
    table = stride.type == "ptr"
    t = sums[0].type
    w, size = lanes(t), size_of(t)
    for u in range(count):
        line = b.at(b.arg("b"), b.slot(panel, 0)) if table else panel
        row = [b.load(b.at(line, v * w * size), t) for v in range(2)]
        for i in range(height):
            x = b.load(b.at(a, (u * height + i) * size), scalar_type(t)).splat(w)
            for v in range(2):
                sums[2 * i + v] = b.fma(x, row[v], sums[2 * i + v])
        panel = b.at(panel, 8 if table else stride)
    return [b.at(a, size * height * count), panel, *sums]
