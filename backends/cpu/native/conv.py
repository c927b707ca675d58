"""Convolution and its gradient to the image, directly from the image: an implicit matrix product.

For a tile of output positions a panel (input channels x window places, positions) is gathered into cache, a block of
channels at a time, and multiplied by the packed weights. Nothing of the size of the unfolded image is ever in memory.
Where rows of windows lie one image row apart, the places below each other share a line of the panel: the lower ones begin some
rows of positions later, so that a panel has (channels x columns of the window) lines, and is made in a third of the time for 3x3.

Both ops are one kernel: output position p along an axis reads the image at `stride p + first + step i` for window place i;
the convolution has (stride, -padding, dilation), the gradient to the image of a convolution of stride 1 has (1, padding, -dilation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ....core.contract import f32
from .fallback import Fallback
from .ir import CHECKED, Function, V, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import first_lanes, masked_load
from .layout import usable
from .tile import columns, rows, tile_function, wide

__all__ = ["Geometry", "conv_kernel", "image_gradient", "inside", "unfold"]

POSITIONS, SHARED = 128, 512  # of a tile, and of one whose lines are shared
DEPTH = 160  # rows of the product with a panel, about
MOST = 512  # window places that a panel can hold
ROOM = (MOST + DEPTH) * (POSITIONS + 16)  # floats of a panel
_texts: dict[Any, Code] = {}


class Geometry(NamedTuple):
    """Own slots of a convolution: sizes per group, and how positions map to the image."""

    groups: int
    c: int  # channels of the image, per group
    h: int
    w: int
    o: int  # channels of the output, per group
    oh: int
    ow: int
    kh: int
    kw: int
    stride_h: int
    stride_w: int
    first_h: int
    first_w: int
    step_h: int
    step_w: int
    unfolded: int  # rows of a window that have lines of the panel: all, or one
    tiles: int  # of positions, per image
    block: int  # channels of a panel
    weight_o: int  # strides of the weight, in elements
    weight_c: int
    weight_g: int


OWN = {name: i + 2 for i, name in enumerate(Geometry._fields)}  # after the second stage's two slots
_PANEL = max(OWN.values()) + 1  # positions of a tile, floats of a line of the panel, the table


def conv_kernel(sig: Any, slow: Callable[..., Any], *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """`conv2d` by machine code, or `slow`."""
    (x, weight), (y,) = sig
    c, (kh, kw), (oh, ow) = weight.shape[1], weight.shape[2:], y.shape[2:]
    o = y.shape[1] // groups
    k = kh * kw
    geometry = Geometry(  # type: ignore[call-arg]
        groups, c, *x.shape[2:], o, oh, ow, kh, kw, *stride, -padding[0], -padding[1], *dilation, kh, 0, _block(c, k),
        c * k, k, o * c * k,
    )  # fmt: skip
    return _make(sig, geometry, slow)


def image_gradient(sig: Any, slow: Callable[..., Any], *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """`conv2d_input` by machine code, or `slow`: gathered for stride 1 and many channels, else scattered."""
    if not usable():
        return slow
    (g, weight), (y,) = sig
    c, (kh, kw) = weight.shape[1], weight.shape[2:]
    o = g.shape[1] // groups
    if stride != (1, 1) or (2 * c <= o and kh * kw > 1) or c < rows():
        from .conv_scatter import scattered_gradient

        at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        scattered = scattered_gradient(sig, slow, **at)
        if scattered is not None or stride != (1, 1):
            return scattered or slow
    k = kh * kw
    h, w = y.shape[2:]
    geometry = Geometry(  # type: ignore[call-arg]
        groups, o, *g.shape[2:], c, h, w, kh, kw, 1, 1, *padding, -dilation[0], -dilation[1], kh, 0, _block(o, k),
        k, c * k, o * c * k,
    )  # fmt: skip
    return _make(sig, geometry, slow)


def _block(channels: int, places: int) -> int:
    """Channels of a panel: as many as make it about DEPTH rows, alike in all panels."""
    panels = max(1, round(channels * places / DEPTH))
    return min(-(-channels // panels), max(1, (MOST + DEPTH) // places))


def _make(sig: Any, g: Geometry, slow: Callable[..., Any]) -> Any:
    if not usable() or any(t.dtype is not f32 for t in (*sig.inputs, *sig.outputs)) or g.kh * g.kw > MOST:
        return slow
    g, (positions, pitch), table = _panel(g)
    n, m = sig.outputs[0].shape[0], rows()
    rest, strips = g.o % m, -(-g.o // m)
    if rest not in _texts:
        _texts[rest] = _print(rest)
    fallback = Fallback(slow)
    depth = g.c * g.kh * g.kw
    work = 2 * n * g.groups * g.o * depth * g.oh * g.ow
    fallback.native = make_kernel(
        _texts[rest], "conv2d", [ArrayType(t.shape, t.dtype.numpy) for t in sig.inputs],
        [ArrayType(t.shape, t.dtype.numpy) for t in sig.outputs], 0, fallback, tasks=g.groups * strips, grain=max(1, 4096 // (m * depth)),
        release=work > 1 << 22, scratch=g.groups * strips * m * depth * 4,
        own=[n * g.groups * g.tiles, max(1, (1 << 18) // (work // (n * g.groups * g.tiles) + 1)), *g, positions, pitch, *table],
    )  # fmt: skip
    return fallback.native


def _panel(g: Geometry) -> tuple[Geometry, tuple[int, int], list[int]]:
    """How a panel is made: the geometry with it; positions of a tile, floats of a line; where in the panel each row of the product begins, in bytes."""
    plane, below = g.oh * g.ow, abs(g.step_h) * (g.kh - 1) * g.ow
    positions = _share(plane, SHARED)
    pitch = _odd_lines(positions + below)
    shares = g.kh > 1 and g.stride_h == 1 and g.block * g.kw * pitch <= ROOM and below < (g.kh - 1) * positions
    if not shares:
        positions, below = _share(plane, POSITIONS), 0
        pitch = _odd_lines(positions)
    low = min(0, g.step_h * (g.kh - 1)) if shares else 0  # the highest row of a window comes first
    unfolded = 1 if shares else g.kh
    down = [(g.step_h * i - low) * g.ow if shares else i * g.kw * pitch for i in range(g.kh)]
    starts = [(c * unfolded * g.kw + j) * pitch + d for c in range(g.block) for d in down for j in range(g.kw)]
    g = g._replace(unfolded=unfolded, tiles=-(-plane // positions), first_h=g.first_h + low)
    return g, (positions, pitch), [4 * at for at in starts]


def _share(plane: int, most: int) -> int:
    """Positions of a tile: alike in all tiles of a plane, in whole columns of the product."""
    share = -(-plane // -(-plane // most))
    return -(-share // columns()) * columns()


def _odd_lines(floats: int) -> int:
    """Room for them and a vector more, in an odd number of lines of the cache: what lies below each other has no common place there."""
    return ((floats + 31) // 16 | 1) * 16


def _print(rest: int) -> Code:
    entry = Entry(2, [], [None], ["pack", "conv"])
    tiles = [tile_function(h, table=True) for h in {rows(), rest} - {0}]
    return assemble(entry, *tiles, _pack(rest), _conv(rest))


class _Own:
    """The geometry's slots, read once each."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getattr__(self, name: str) -> V:
        value = self._context.own(OWN[name])
        setattr(self, name, value)
        return value


def geometry_of(context: Context) -> Any:
    own: Any = _Own(context)
    for name in Geometry._fields:  # all in the entry block, so that every use is dominated
        getattr(own, name)
    return own


def _pack(rest: int) -> Function:
    """Task t: strip t mod strips of group t div strips of the weight, one column after another; a short last strip is packed short."""
    b, m = task_function("pack"), rows()
    context = Context(b, 3, 0)
    own = geometry_of(context)
    strips = (own.o + (m - 1)).div(m)
    places = own.kh * own.kw
    depth = own.c * places
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        group, strip = task.i.div(strips), task.i.rem(strips)
        height = b.min(own.o - strip * m, m)
        source = b.at(context.arrays[1], group * own.weight_g + strip * m * own.weight_o, "float")
        to = b.at(context.scratch(), (group * own.o + strip * m) * depth, "float")
        with b.loop(0, own.c) as c, b.loop(0, places) as t:
            at = b.at(source, c.i * own.weight_c + t.i, "float")
            column = b.at(to, (c.i * places + t.i) * height, "float")
            with b.loop(0, height) as i:
                b.store(b.load(b.at(at, i.i * own.weight_o, "float"), "float"), b.at(column, i.i, "float"))
    b.ret()
    return b


def _conv(rest: int) -> Function:
    """Task t: tile t mod tiles of positions, of group (t div tiles) mod groups, of image t div (tiles groups)."""
    b, m, n = task_function("conv"), rows(), columns()
    context = Context(b, 3, 0)
    own = geometry_of(context)
    positions, pitch, table = context.own(_PANEL), context.own(_PANEL + 1), context.own_at(_PANEL + 2)
    panel = b.stack("float", ROOM + 64)
    places, plane = own.kh * own.kw, own.oh * own.ow
    below = b.select(own.unfolded.cmp("eq", own.kh), 0, (own.kh - 1) * own.ow * b.max(own.step_h, 0 - own.step_h))
    depth, strips = own.c * places, own.o.div(m)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        image, tile = task.i.div(own.tiles), task.i.rem(own.tiles)
        group = image.rem(own.groups)
        start = tile * positions
        end = b.min(start + positions, plane)
        out = b.at(context.arrays[2], image * own.o * plane + start, "float")
        source = b.at(context.arrays[0], image * own.c * own.h * own.w, "float")
        weights = b.at(context.scratch(), group * own.o * depth, "float")
        with b.loop(0, own.c, own.block) as part:
            count = b.min(own.c - part.i, own.block)
            here = b.at(source, part.i * own.h * own.w, "float")
            unfold(b, own, here, count, start, end + below, panel, pitch)
            k = count * places
            first = part.i * places
            with b.loop(0, end - start, n) as col:
                cols = end - start - col.i
                strip_b, strip_c = b.at(panel, col.i, "float"), b.at(out, col.i, "float")
                with b.loop(0, strips) as strip:
                    a = b.at(weights, strip.i * m * depth + first * m, "float")
                    c = b.at(strip_c, strip.i * m * plane, "float")
                    _tile(b, m, a, strip_b, k, table, c, plane, part.i, cols)
                if rest:
                    a = b.at(weights, strips * m * depth + first * rest, "float")
                    _tile(
                        b, rest, a, strip_b, k, table, b.at(strip_c, strips * m * plane, "float"), plane, part.i, cols
                    )
    b.ret()
    return b


def _tile(b: Function, height: int, a: V, panel: V, k: V, table: V, c: V, plane: V, add: V, cols: V) -> None:
    if CHECKED:
        b.guard(a, k * (4 * height))
        b.guard(c, plane * (4 * (height - 1)) + b.min(cols, columns()) * 4)
    plus = b.select(add.cmp("ne", 0), c, b.const(0, "ptr"))
    b.call(f"@tile{height}", "void", a, panel, k, table, c, plane * 4, plus, plane * 4, cols, b.const(height))


def unfold(b: Function, own: Any, source: V, count: V, start: V, end: V, panel: V, stride: Any) -> None:
    """Gather positions start to end of `count` channels into a panel of (channels x unfolded places) lines, zeros outside the image.

    Copies go in whole vectors and run over their end, into what is written later or into the slack of the row.
    """
    places = own.unfolded * own.kw
    with b.loop(start.div(own.ow), (end - 1).div(own.ow) + 1) as row:
        base = row.i * own.ow
        left, right = b.max(start - base, 0), b.min(end - base, own.ow)
        column = base + left - start
        with b.loop(0, own.unfolded) as i:
            ih = row.i * own.stride_h + own.first_h + own.step_h * i.i
            within = ih.cmp("sge", 0) & ih.cmp("slt", own.h)
            with b.loop(0, own.kw) as j:
                offset = own.first_w + own.step_w * j.i
                lo, hi = inside(b, own, offset, left, right)
                lo, hi = b.select(within, lo, right), b.select(within, hi, right)
                at = b.select(within, ih * own.w + lo * own.stride_w + offset, 0)
                to = b.at(panel, (i.i * own.kw + j.i) * stride + column, "float")
                rest = (hi - lo) & (wide() - 1)
                mask = first_lanes(b, rest, wide())
                with b.loop(0, count) as c:
                    line = b.at(to, c.i * places * stride, "float")
                    _zeros(b, line, lo - left)
                    _copy(
                        b,
                        own,
                        b.at(source, c.i * own.h * own.w + at, "float"),
                        b.at(line, lo - left, "float"),
                        hi - lo,
                        mask,
                    )
                    _zeros(b, b.at(line, hi - left, "float"), right - hi)


_FAR = 1 << 20


def inside(b: Function, own: Any, offset: V, left: V, right: V) -> tuple[V, V]:
    """The positions from left to right whose place lies inside the image: stride p + offset in [0, w)."""
    far = own.stride_w * _FAR  # keeps the dividend positive
    up = own.stride_w - 1
    lo = (far - offset + up).div(own.stride_w) - _FAR
    hi = (far + own.w - offset + up).div(own.stride_w) - _FAR
    lo = b.min(b.max(lo, left), right)
    return lo, b.min(b.max(hi, lo), right)


def _zeros(b: Function, to: V, count: V) -> None:
    with b.loop(0, count, wide()) as i:
        b.store(b.const(0.0, vec("float", wide())), b.at(to, i.i, "float"))


def _copy(b: Function, own: Any, source: V, to: V, count: V, mask: V) -> None:
    w = wide()
    t = vec("float", w)

    def dense() -> None:
        whole = count & -w
        with b.loop(0, whole, w) as i:
            b.store(b.load(b.at(source, i.i, "float"), t), b.at(to, i.i, "float"))
        with b.when(whole.cmp("slt", count)):
            p = b.at(source, whole, "float")
            b.guard(p, (count - whole) * 4)
            b.store(masked_load(b, p, t, mask), b.at(to, whole, "float"))

    def strided() -> None:
        with b.loop(0, count) as i:
            b.store(b.load(b.at(source, i.i * own.stride_w, "float"), "float"), b.at(to, i.i, "float"))

    b.either(own.stride_w.cmp("eq", 1), dense, strided)
