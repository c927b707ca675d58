"""The gradient of a convolution of stride 1 to its weight, line by line: nothing is unfolded and nothing is turned.

Weight (o, c, i, j) is the sum over images and positions (r, q) of g[o, r, q] x[c, r + i step, q + j step]: a product of two
lines that are both contiguous in q. A tile holds the sums of `GRADIENTS` channels of g with `LINES` shifted lines of x, a vector
of positions in each, so that every load serves several of them. Of an image with padding, a few channels are copied into a frame of zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compiler import vector_bytes
from .conv import OWN, Geometry, geometry_of
from .ir import CHECKED, Function, V, lanes, vec
from .kernel import Code, Context, Entry, assemble, task_function
from .lanes import first_lanes, masked_load, masked_store
from .tile import wide

__all__ = ["lines_code", "lines_fit", "lines_images"]

LINES, GRADIENTS = 3, 4  # sums in 12 registers, and one line of g at a time in another
FRAME = 1 << 16  # floats of the frame that a thread's stack holds
MOST = 256  # lines of a block of channels
POSITIONS = 1280  # of a tile: four lines of g stay in the first-level cache
IMAGES = tuple(max(OWN.values()) + i for i in (2, 3, 4))  # images of a chunk, in all, of a tile
UNROLLED = 8  # vectors of a row that are written out
_codes: dict[tuple[int, bool], Code] = {}


def lines_fit(g: Geometry) -> bool:
    """Whether this is faster than panels, which spend on unfolding and turning what 16 more channels of g would take.

    Vectors that are not full cost twice: their work, and loads that cross lines of the cache.
    """
    tiles, vectors = -(-g.o // GRADIENTS), -(-g.ow // wide())
    filled = g.ow * g.o / (tiles * GRADIENTS * vectors * wide())
    fits = g.o >= GRADIENTS and g.ow >= wide() and _framed(g) <= FRAME and g.block * g.kh * g.kw <= MOST
    return (g.stride_h, g.stride_w) == (1, 1) and vector_bytes() > 16 and fits and filled**2 > g.o / (g.o + 16)


def lines_images(g: Geometry) -> int:
    """Images that a tile takes at once: small ones are worth few tiles."""
    return max(1, min(POSITIONS // (g.oh * g.ow), FRAME // _framed(g)))


def _framed(g: Geometry) -> int:
    """Elements of a block of channels with its padding."""
    return g.block * (g.h - 2 * g.first_h) * (g.w - 2 * g.first_w)


def lines_code(row: int, join: Callable[[], Function]) -> Code:
    """The module for rows of that many positions; `join` adds up the chunks."""
    vectors, rest = divmod(row, wide())
    key = vectors if vectors <= UNROLLED else 0, rest > 0
    if key not in _codes:
        _codes[key] = assemble(Entry(2, [], [None], ["partial", "join"]), _tile(*key), _partial(), join())
    return _codes[key]


def _tile(vectors: int, tail: bool) -> Function:
    """tile(g, stride of channels, of rows, three lines of x, stride of rows, rows, whole, rest, sums): in bytes but for rows.

    A row is `vectors` whole vectors (0: `whole` bytes of them), with a tail `rest` more elements: the last
    vector of the row is read, and of g what it has again is zero. Its sums are added to those in
    memory, rows `tc` bytes apart, from row `skip` on, of the first `live` lines.
    """
    w = wide()
    t = vec("float", w)
    xs = ", ".join(f"ptr %x{j}" for j in range(LINES))
    b = Function(
        f"internal void @lines(ptr %g, i64 %gc, i64 %gr, {xs}, i64 %xr, i64 %rows, i64 %images, i64 %gi, i64 %xi, i64 %whole, i64 %rest, ptr %to, i64 %tc, i64 %skip, i64 %live)",
        "noinline",
    )
    gc, gr, xr, whole = (b.arg(x, "i64") for x in ("gc", "gr", "xr", "whole"))
    done = first_lanes(b, b.const(w) - b.arg("rest", "i64"), w) if tail else None

    def step(pointers: list[V], at: V, sums: list[V], done: V | None = None) -> list[V]:
        g, *lines = pointers
        x = [b.load(b.at(line, at), t, 4) for line in lines]
        here, out = b.at(g, at), []
        for i in range(GRADIENTS):
            y = b.load(here, t, 4)
            y = y if done is None else b.select(done, b.const(0.0, t), y)
            out += [b.fma(y, x[j], sums[LINES * i + j]) for j in range(LINES)]
            here = b.at(here, gc)
        return out

    start = [b.arg("g"), *[b.arg(f"x{j}") for j in range(LINES)]]
    zeros = [b.const(0.0, t) for _ in range(GRADIENTS * LINES)]
    with b.loop(0, b.arg("images", "i64"), 1, *start, *zeros) as image:
        with b.loop(0, b.arg("rows", "i64"), 1, *image.values) as row:
            pointers, sums = row.values[: LINES + 1], row.values[LINES + 1 :]
            for v in range(vectors):
                sums = step(pointers, b.const(v * w * 4), sums)
            if not vectors:
                with b.loop(0, whole, w * 4, *sums) as col:
                    col.next(*step(pointers, col.i, col.values))
                sums = col.out
            if done is not None:
                sums = step(pointers, whole - (w - b.arg("rest", "i64")) * 4, sums, done)
            row.next(b.at(pointers[0], gr), *[b.at(p, xr) for p in pointers[1:]], *sums)
        steps = [b.arg("gi", "i64"), *[b.arg("xi", "i64")] * LINES]
        image.next(*[b.at(p, s) for p, s in zip(image.values, steps)], *row.out[LINES + 1 :])
    to, totals = b.arg("to"), image.out[LINES + 1 :]
    there = first_lanes(b, b.arg("live", "i64"), 4)
    for i in range(GRADIENTS):
        total = _three(b, totals[LINES * i : LINES * (i + 1)])
        with b.when(b.arg("skip", "i64").cmp("sle", i)):
            masked_store(b, masked_load(b, to, total.type, there) + total, to, there)
        to = b.at(to, b.arg("tc", "i64"))
    b.ret()
    return b


def _three(b: Function, xs: list[V]) -> V:
    """The sums of the lanes of three vectors, as the first three of four."""
    while (n := lanes(xs[0].type)) > 4:
        low, high = list(range(n // 2)), list(range(n // 2, n))
        xs = [b.shuffle(x, x, low) + b.shuffle(x, x, high) for x in xs]
    both = [(xs[0], xs[1]), (xs[2], xs[2])]
    first, second = (b.shuffle(x, y, [0, 1, 4, 5]) + b.shuffle(x, y, [2, 3, 6, 7]) for x, y in both)
    return b.shuffle(first, second, [0, 2, 4, 6]) + b.shuffle(first, second, [1, 3, 5, 7])


def _partial() -> Function:
    """Task t: block t mod blocks of channels, of group (t div blocks) mod groups, over chunk t div (blocks groups) of the images."""
    b = task_function("partial")
    context = Context(b, 3, 0)
    own = geometry_of(context)
    per_chunk, batch, together = (context.own(i) for i in IMAGES)
    frame = b.stack("float", FRAME)
    table = b.stack("i64", MOST + LINES)
    depth, blocks = own.c * own.kh * own.kw, (own.c + own.block - 1).div(own.block)
    high, long = own.h - own.first_h * 2, own.w - own.first_w * 2
    framed = (own.first_h | own.first_w).cmp("ne", 0)
    per_pass = b.max(b.const(POSITIONS).div(own.ow), 1)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        rest_of = task.i.div(blocks)
        channel = task.i.rem(blocks) * own.block
        group, chunk = rest_of.rem(own.groups), rest_of.div(own.groups)
        count = b.min(own.c - channel, own.block)
        sums = b.at(
            context.scratch(), (chunk * own.groups + group) * own.o * depth + channel * own.kh * own.kw, "float"
        )
        _table(b, own, table, count, high, long)
        with b.loop(0, own.o) as o:
            b.clear(b.at(sums, o.i * depth, "float"), count * own.kh * own.kw * 4)
        last, each = b.min(chunk * per_chunk + per_chunk, batch), own.groups * own.c * own.h * own.w
        with b.loop(chunk * per_chunk, last, together) as image:
            at, images = image.i * own.groups + group, b.min(together, last - image.i)
            source = b.at(context.arrays[0], (at * own.c + channel) * own.h * own.w, "float")
            with b.when(framed), b.loop(0, images) as i:
                to = b.at(frame, i.i * count * high * long, "float")
                _frame(b, own, b.at(source, i.i * each, "float"), count, to, high, long)
            x, apart = b.select(framed, frame, source), b.select(framed, count * high * long, each)
            g = b.at(context.arrays[1], at * own.o * own.oh * own.ow, "float")
            with b.loop(0, own.oh, per_pass) as row:
                rows = b.min(own.oh - row.i, per_pass)
                here = b.at(g, row.i * own.ow, "float"), b.at(x, row.i * long, "float")
                _pass(b, own, here, (images, apart, rows, long), (table, count * own.kh * own.kw), (sums, depth))
    b.ret()
    return b


def _frame(b: Function, own: Any, source: V, count: V, frame: V, high: V, long: V) -> None:
    """Channels with their padding."""
    b.clear(frame, count * high * long * 4)
    with b.loop(0, count) as c, b.loop(0, own.h) as row:
        line = b.at(source, (c.i * own.h + row.i) * own.w, "float")
        to = b.at(frame, (c.i * high + row.i - own.first_h) * long - own.first_w, "float")
        b.copy(to, line, own.w * 4)


def _table(b: Function, own: Any, table: V, count: V, high: V, long: V) -> None:
    """Where the line of each (channel, place) begins, in bytes; the last ones again, for a tile that has fewer."""
    places = own.kh * own.kw
    with b.loop(0, count) as c, b.loop(0, own.kh) as i, b.loop(0, own.kw) as j:
        at = (c.i * high + i.i * own.step_h) * long + j.i * own.step_w
        to = b.at(table, c.i * places + i.i * own.kw + j.i, "i64")
        for more in range(LINES):
            b.store(at * 4, b.at(to, more, "i64"))


def _pass(b: Function, own: Any, at: tuple[V, V], size: tuple[V, ...], lines: tuple[V, V], sums: tuple[V, V]) -> None:
    """Some rows of some images: all channels of g with all lines of x. The last tile of channels ends with them, and so begins earlier.

    `size`: images, their distance in x, rows, their distance in x. `lines`: where they begin, and how many.
    """
    (g, x), (images, apart, rows, pitch), (table, count), (out, depth) = at, size, lines, sums
    plane, w = own.oh * own.ow, wide()
    whole, rest, each = (own.ow & -w) * 4, own.ow & (w - 1), own.groups * own.o * plane
    with b.loop(0, own.o, GRADIENTS) as o:
        first = b.min(o.i, own.o - GRADIENTS)
        channels = b.at(g, first * plane, "float")
        if CHECKED:
            b.guard(channels, ((images - 1) * each + plane * (GRADIENTS - 1) + rows * own.ow) * 4)
        with b.loop(0, count, LINES) as k:
            xs = [b.at(x, b.slot(table, k.i + j)) for j in range(LINES)]
            live, to = b.min(count - k.i, LINES), b.at(out, first * depth + k.i, "float")
            if CHECKED:
                b.guard(to, (depth * (GRADIENTS - 1) + live) * 4)
                for p in xs:
                    b.guard(p, ((images - 1) * apart + (rows - 1) * pitch + own.ow) * 4)
            steps = (plane * 4, own.ow * 4, *xs, pitch * 4, rows, images, each * 4, apart * 4, whole, rest)
            b.call("@lines", "void", channels, *steps, to, depth * 4, o.i - first, live)
