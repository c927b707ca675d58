"""The gradient of a convolution to its image by products first: weight^T x gradient gives what every window place receives,
which is then added to where it came from. For any stride; better than gathering (`conv`) where the image has few channels.

A task owns some channels of one image, so that nothing is added by two threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.contract import f32
from .conv import OWN, Geometry, geometry_of, inside
from .fallback import Fallback
from .ir import CHECKED, Function, V, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .layout import usable
from .packing import copy_function
from .tile import columns, rows, tile_function, wide

__all__ = ["scattered_gradient"]

POSITIONS, DEPTH, MOST = 128, 160, 256  # positions of a tile; rows of its sums, about and at most
_STRIPS = max(OWN.values()) + 1  # of packed weights, to a block of channels
_code: list[Code] = []


def scattered_gradient(
    sig: Any, slow: Callable[..., Any], *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Callable[..., Any] | None:
    """`conv2d_input` by machine code, or None."""
    (g, weight), (y,) = sig
    c, (kh, kw), o, (oh, ow) = weight.shape[1], weight.shape[2:], g.shape[1] // groups, g.shape[2:]
    places = kh * kw
    if not usable() or any(t.dtype is not f32 for t in (g, weight, y)) or places > MOST or oh * ow < columns():
        return None
    block = -(-c // -(-c // max(1, DEPTH // places)))
    blocks, strips = groups * -(-c // block), -(-block * places // rows())
    geometry = Geometry(  # type: ignore[call-arg]
        groups, c, *y.shape[2:], o, oh, ow, kh, kw, *stride, -padding[0], -padding[1], *dilation, kh, 0, block, c * places, places,
        o * c * places,
    )  # fmt: skip
    if not _code:
        _code.append(_print())
    fallback = Fallback(slow)
    work = g.shape[0] * blocks * block * places * o * oh * ow
    tasks = g.shape[0] * blocks
    fallback.native = make_kernel(
        _code[0], "conv2d_input", [ArrayType(t.shape, t.dtype.numpy) for t in (g, weight)], [ArrayType(y.shape, y.dtype.numpy)],
        0, fallback, tasks=blocks * strips, grain=max(1, 16384 // (rows() * o)), release=work > 1 << 21,
        scratch=blocks * strips * (rows() * o + wide()) * 4, own=[tasks, max(1, (1 << 17) * tasks // work), *geometry, strips],
    )  # fmt: skip
    return fallback.native


def _print() -> Code:
    entry = Entry(2, [], [None], ["pack", "products"])
    return assemble(entry, copy_function(rows()), tile_function(rows()), _pack(), _products())


def _strip_size(own: Any) -> V:
    return own.o * rows() + wide()  # type: ignore[no-any-return]


def _pack() -> Function:
    """Task t: strip t mod strips of block t div strips of (channel, place) lines of the weight."""
    b, m = task_function("pack"), rows()
    context = Context(b, 3, 0)
    own, strips = geometry_of(context), context.own(_STRIPS)
    places = own.kh * own.kw
    blocks = (own.c + own.block - 1).div(own.block)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        block, strip = task.i.div(strips), task.i.rem(strips)
        channel = block.rem(blocks) * own.block
        lines = b.min(own.c - channel, own.block) * places - strip * m
        with b.when(lines.cmp("sgt", 0)):  # the last block has fewer
            live = b.min(lines, b.const(m))
            at = block.div(blocks) * own.weight_g + channel * places + strip * m
            source = b.at(context.arrays[1], at, "float")
            b.guard(source, ((own.o - 1) * own.weight_o + live) * 4)
            to = b.at(context.scratch(), task.i * _strip_size(own), "float")
            b.call(f"@copy{m}", "void", source, own.weight_o, own.o, live, to, b.const(1), b.const(0))
    b.ret()
    return b


def _products() -> Function:
    """Task t: block t mod blocks of channels, of group (t div blocks) mod groups, of image t div (blocks groups)."""
    b, m, n = task_function("products"), rows(), columns()
    context = Context(b, 3, 0)
    own, strips = geometry_of(context), context.own(_STRIPS)
    pitch = (
        POSITIONS + 2 * n
    )  # floats of a row of sums: a tile may begin before the first position, and end after the last
    sums = b.stack("float", (MOST + m) * pitch)
    places, plane, image_size = own.kh * own.kw, own.oh * own.ow, own.h * own.w
    blocks = (own.c + own.block - 1).div(own.block)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        channel, at = task.i.rem(blocks) * own.block, task.i.div(blocks)  # at: the group of the image
        count = b.min(own.c - channel, own.block)
        out = b.at(context.arrays[2], (at * own.c + channel) * image_size, "float")
        b.clear(out, count * image_size * 4)
        block = at.rem(own.groups) * blocks + task.i.rem(blocks)
        weights = b.at(context.scratch(), block * strips * _strip_size(own), "float")
        gradient = b.at(context.arrays[0], at * own.o * plane, "float")
        filled = (count * places + (m - 1)).div(m)
        with b.loop(0, plane, POSITIONS) as tile:
            end = b.min(tile.i + POSITIONS, plane)
            with b.loop(tile.i, end, n) as col:
                first = b.min(col.i, plane - n)  # within the gradient: some positions may be computed again
                panel = b.at(gradient, first, "float")
                if CHECKED:
                    b.guard(panel, ((own.o - 1) * plane + n) * 4)
                place = b.at(sums, first - tile.i + n, "float")
                with b.loop(0, filled) as strip:
                    a = b.at(weights, strip.i * _strip_size(own), "float")
                    c, none = b.at(place, strip.i * (m * pitch), "float"), b.const(0, "ptr")
                    sizes = (b.const(n), b.const(m))
                    b.call(
                        f"@tile{m}", "void", a, panel, own.o, plane * 4, c, b.const(pitch * 4), none, b.const(0), *sizes
                    )
            _scatter(b, own, b.at(sums, n, "float"), pitch, tile.i, end, out, count)
    b.ret()
    return b


def _scatter(b: Function, own: Any, sums: V, pitch: int, start: V, end: V, out: V, count: V) -> None:
    """Add the rows of sums, for positions start to end, to the places of the image that they stand for."""
    places = own.kh * own.kw
    with b.loop(start.div(own.ow), (end - 1).div(own.ow) + 1) as row:
        base = row.i * own.ow
        left, right = b.max(start - base, 0), b.min(end - base, own.ow)
        with b.loop(0, own.kh) as i:
            ih = row.i * own.stride_h + own.first_h + own.step_h * i.i
            with b.when(ih.cmp("sge", 0) & ih.cmp("slt", own.h)), b.loop(0, own.kw) as j:
                offset = own.first_w + own.step_w * j.i
                lo, hi = inside(b, own, offset, left, right)
                line = b.at(sums, (i.i * own.kw + j.i) * pitch + (base + lo - start), "float")
                to = b.at(out, ih * own.w + lo * own.stride_w + offset, "float")
                with b.loop(0, count) as c:
                    source = b.at(line, c.i * places * pitch, "float")
                    _add(b, own, source, b.at(to, c.i * own.h * own.w, "float"), hi - lo)


def _add(b: Function, own: Any, source: V, to: V, count: V) -> None:
    w = wide()
    whole = b.select(own.stride_w.cmp("eq", 1), count & -w, b.const(0))
    with b.loop(0, whole, w) as i:
        place, t = b.at(to, i.i, "float"), vec("float", w)
        b.store(b.load(place, t) + b.load(b.at(source, i.i, "float"), t), place)
    with b.loop(whole, count) as i:
        place = b.at(to, i.i * own.stride_w, "float")
        b.store(b.load(place, "float") + b.load(b.at(source, i.i, "float"), "float"), place)
