"""The gradient of a convolution to its weight, directly from image and gradient: a matrix product over positions.

A task owns some images and some input channels: it gathers their window places into a panel (as `conv` does), turns it and
the gradient so that positions come one after another, and multiplies. Images too small for a panel share one. Its sums go to
scratch; the sums of all chunks of images are then added in order, so that the result does not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.contract import f32
from .conv import OWN, Geometry, geometry_of, unfold
from .conv_lines import lines_code, lines_fit, lines_images
from .fallback import Fallback
from .ir import CHECKED, Function, V
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .layout import usable
from .packing import turn_function
from .tile import columns, rows, tile_function

__all__ = ["weight_gradient"]

POSITIONS, DEPTH, MOST = 256, 160, 256  # positions of a panel; its rows, about and at most
STRIDE = POSITIONS + 16  # floats of a row of the panel: copies run over the end of a row
STRIPS = 96  # channels of the gradient that are turned at once, about
_CHUNKS, _IMAGES, _BATCH, _TOGETHER = (max(OWN.values()) + i for i in (1, 2, 3, 4))  # the slots of `conv_lines` too
_code: list[Code] = []


def weight_gradient(
    sig: Any, slow: Callable[..., Any], *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """`conv2d_weight` by machine code, or `slow`."""
    (x, g), (y,) = sig
    k, (oh, ow) = kernel[0] * kernel[1], g.shape[2:]
    if not usable() or any(t.dtype is not f32 for t in (x, g, y)) or k > MOST:
        return slow
    n, c, o = x.shape[0], x.shape[1] // groups, g.shape[1] // groups
    block = -(-c // -(-c // max(1, DEPTH // k)))  # alike
    blocks = groups * -(-c // block)
    enough = -(-2 * POSITIONS // (oh * ow))  # images of a chunk: sums in scratch are worth their memory
    images = min(n, max(enough, -(-n // -(-32 // blocks))))
    chunks = -(-n // images)
    geometry = Geometry(  # type: ignore[call-arg]
        groups, c, *x.shape[2:], o, oh, ow, *kernel, *stride, -padding[0], -padding[1], *dilation, kernel[0],
        -(-oh * ow // POSITIONS), block, c * k, k, o * c * k,
    )  # fmt: skip
    by_lines = lines_fit(geometry)
    if not by_lines and not _code:
        _code.append(_print())
    fallback = Fallback(slow)
    outputs, work = groups * o * c * k, 2 * n * groups * o * c * k * oh * ow
    fallback.native = make_kernel(
        lines_code(ow, _join) if by_lines else _code[0], "conv2d_weight", [ArrayType(t.shape, t.dtype.numpy) for t in (x, g)], [ArrayType(y.shape, y.dtype.numpy)],
        0, fallback, tasks=blocks * chunks, grain=max(1, (1 << 17) // (work // (blocks * chunks) + 1)), release=work > 1 << 22,
        scratch=chunks * outputs * 4, own=[outputs, max(256, 16384 // chunks), *geometry, chunks, images, n,
             lines_images(geometry) if by_lines else max(1, POSITIONS // (oh * ow))],
    )  # fmt: skip
    return fallback.native


def _print() -> Code:
    entry = Entry(2, [], [None], ["partial", "join"])
    turns = [turn_function(h) for h in (rows(), rows() // 2, columns())]
    return assemble(entry, *turns, *[tile_function(h) for h in (rows(), rows() // 2)], _partial(), _join())


def _partial() -> Function:
    """Task t: block t mod blocks of channels, of group (t div blocks) mod groups, over chunk t div (blocks groups) of the images."""
    b = task_function("partial")
    context = Context(b, 3, 0)
    own = geometry_of(context)
    per_chunk, batch, together = (context.own(i) for i in (_IMAGES, _BATCH, _TOGETHER))
    panel = b.stack("float", MOST * STRIDE + 64)
    right = b.stack("float", MOST * POSITIONS)
    left = b.stack("float", STRIPS * POSITIONS + 64)
    places, plane = own.kh * own.kw, own.oh * own.ow
    depth = own.c * places
    blocks = (own.c + own.block - 1).div(own.block)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        rest_of = task.i.div(blocks)
        channel = task.i.rem(blocks) * own.block
        group, chunk = rest_of.rem(own.groups), rest_of.div(own.groups)
        count = b.min(own.c - channel, own.block)
        k = count * places
        sums = b.at(context.scratch(), (chunk * own.groups + group) * own.o * depth + channel * places, "float")
        with b.loop(0, own.o) as o:
            b.clear(b.at(sums, o.i * depth, "float"), k * 4)
        last = b.min(chunk * per_chunk + per_chunk, batch)
        with b.loop(chunk * per_chunk, last, together) as first, b.loop(0, plane, POSITIONS) as tile:
            end = b.min(tile.i + POSITIONS, plane)
            span = end - tile.i
            with b.loop(first.i, b.min(first.i + together, last)) as image:
                at = (image.i * own.groups + group) * own.c + channel
                source = b.at(context.arrays[0], at * own.h * own.w, "float")
                here = b.at(panel, (image.i - first.i) * span, "float")
                unfold(b, own, source, count, tile.i, end, here, STRIDE)
            images = b.min(together, last - first.i)
            at = (first.i * own.groups + group) * own.o * plane + tile.i
            gradient = b.at(context.arrays[1], at, "float")
            _turn_panel(b, panel, right, k, images * span)
            _products(b, own, (gradient, images, span, plane), (left, right), k, (sums, depth))
    b.ret()
    return b


def _turn_panel(b: Function, panel: V, right: V, k: V, length: V) -> None:
    """Rows of the panel to strips of columns, position after position."""
    across = columns()
    with b.loop(0, k, across) as row:
        source, to = b.at(panel, row.i * STRIDE, "float"), b.at(right, row.i * POSITIONS, "float")
        b.call(f"@turn{across}", "void", source, b.const(STRIDE), length, b.min(k - row.i, across), to)


def _products(b: Function, own: Any, gradient: Any, sides: tuple[V, V], k: V, sums: tuple[V, V]) -> None:
    """sums += gradient x panel: strips of channels of the gradient are turned, a block of them at a time."""
    (source, images, span, plane), (left, right), (out, depth) = gradient, sides, sums
    down, across = rows(), columns()
    step = STRIPS // down * down

    def by_height(live: V, do: Callable[[int], None]) -> None:
        b.either(live.cmp("sgt", down // 2), lambda: do(down), lambda: do(down // 2))

    with b.loop(0, own.o, step) as block:
        stop = b.min(block.i + step, own.o)
        with b.loop(block.i, stop, down) as o, b.loop(0, images) as image:
            live = b.min(own.o - o.i, down)
            lines = b.at(source, (image.i * own.groups * own.o + o.i) * plane, "float")
            b.guard(lines, ((live - 1) * plane + span) * 4)
            to = b.at(left, (o.i - block.i) * POSITIONS, "float")

            def turn(h: int, lines: V = lines, live: V = live, to: V = to, i: V = image.i) -> None:
                b.call(f"@turn{h}", "void", lines, plane, span, live, b.at(to, i * span * h, "float"))

            by_height(live, turn)
        with b.loop(0, k, across) as row, b.loop(block.i, stop, down) as o:
            live = b.min(own.o - o.i, down)
            a, panel = b.at(left, (o.i - block.i) * POSITIONS, "float"), b.at(right, row.i * POSITIONS, "float")
            c, pitch = b.at(out, o.i * depth + row.i, "float"), depth * 4
            if CHECKED:
                b.guard(c, pitch * (live - 1) + b.min(k - row.i, across) * 4)

            def tile(h: int, a: V = a, panel: V = panel, c: V = c, row: V = row.i, live: V = live) -> None:
                b.call(
                    f"@tile{h}", "void", a, panel, images * span, b.const(across * 4), c, pitch, c, pitch, k - row, live
                )

            by_height(live, tile)


def _join() -> Function:
    """Output t is the sum of its chunks, in order."""
    b = task_function("join")
    context = Context(b, 3, 0)
    own, chunks = geometry_of(context), context.own(_CHUNKS)
    outputs = own.groups * own.o * own.c * own.kh * own.kw
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
        with b.loop(0, chunks, 1, b.const(0.0, "float")) as part:
            part.next(part.values[0] + b.load(b.at(context.scratch(), part.i * outputs + loop.i, "float"), "float"))
        b.store(part.out[0], b.at(context.arrays[2], loop.i, "float"))
    b.ret()
    return b
