"""The gradient of a convolution to its weight, directly from image and gradient: products of long rows of positions.

A task owns some images and some input channels: it gathers their window places into a panel (as `conv` does) and takes
the dot product of every row of the panel with every channel of the gradient. Its sums go to scratch; the sums of all
chunks of images are then added in order, so that the result does not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.contract import f32
from .conv import MOST, OWN, Geometry, geometry_of, unfold
from .fallback import Fallback
from .ir import CHECKED, Function, V, lanes, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import first_lanes, fold
from .layout import usable
from .tile import rows, wide

__all__ = ["weight_gradient"]

POSITIONS, DEPTH, STRIDE = 256, 144, 256 + 16  # positions of a tile, rows of a panel, floats of such a row
ACROSS = 4  # rows of the panel in a dot tile
_CHUNKS, _IMAGES, _BATCH = (max(OWN.values()) + i for i in (1, 2, 3))
_texts: dict[Any, Code] = {}


def _channels() -> int:
    """Channels of the gradient in a dot tile."""
    return rows() // 2


def weight_gradient(
    sig: Any, slow: Callable[..., Any], *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """`conv2d_weight` by machine code, or `slow`."""
    (x, g), (y,) = sig
    k, (oh, ow) = kernel[0] * kernel[1], g.shape[2:]
    if not usable() or any(t.dtype is not f32 for t in (x, g, y)) or k > MOST:
        return slow
    n, c, o = x.shape[0], x.shape[1] // groups, g.shape[1] // groups
    block = max(1, DEPTH // k)
    blocks = groups * -(-c // block)
    images = -(-n // min(n, -(-32 // blocks)))
    chunks = -(-n // images)
    geometry = Geometry(  # type: ignore[call-arg]
        groups, c, *x.shape[2:], o, oh, ow, *kernel, *stride, -padding[0], -padding[1], *dilation, -(-oh * ow // POSITIONS),
        block, c * k, k, o * c * k,
    )  # fmt: skip
    rest = o % _channels()
    if rest not in _texts:
        _texts[rest] = _print(rest)
    fallback = Fallback(slow)
    outputs, work = groups * o * c * k, 2 * n * groups * o * c * k * oh * ow
    fallback.native = make_kernel(
        _texts[rest], "conv2d_weight", [ArrayType(t.shape, t.dtype.numpy) for t in (x, g)], [ArrayType(y.shape, y.dtype.numpy)],
        0, fallback, tasks=blocks * chunks, grain=max(1, (1 << 17) // (work // (blocks * chunks) + 1)), release=work > 1 << 22,
        scratch=chunks * outputs * 4, own=[outputs, max(256, 16384 // chunks), *geometry, chunks, images, n],
    )  # fmt: skip
    return fallback.native


def _print(rest: int) -> Code:
    entry = Entry(2, [], [None], ["partial", "join"])
    dots = [_dot(h, k) for h in {_channels(), rest} - {0} for k in (ACROSS, 1)]
    return assemble(entry, *dots, _partial(rest), _join())


def _partial(rest: int) -> Function:
    """Task t: block t mod blocks of channels, of group (t div blocks) mod groups, over chunk t div (blocks groups) of the images."""
    b = task_function("partial")
    context = Context(b, 3, 0)
    own = geometry_of(context)
    per_chunk, batch = context.own(_IMAGES), context.own(_BATCH)
    panel = b.stack("float", (MOST + DEPTH) * STRIDE + 64)
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
        with b.loop(chunk * per_chunk, b.min(chunk * per_chunk + per_chunk, batch)) as image:
            at = image.i * own.groups + group
            source = b.at(context.arrays[0], (at * own.c + channel) * own.h * own.w, "float")
            gradient = b.at(context.arrays[1], at * own.o * plane, "float")
            with b.loop(0, plane, POSITIONS) as tile:
                end = b.min(tile.i + POSITIONS, plane)
                length = end - tile.i
                unfold(b, own, source, count, tile.i, end, panel, STRIDE)
                with b.when((length & (wide() - 1)).cmp("ne", 0)), b.loop(0, k) as row:
                    b.store(b.const(0.0, vec("float", wide())), b.at(panel, row.i * STRIDE + length, "float"))
                _dots(b, own, rest, b.at(gradient, tile.i, "float"), plane, panel, k, length, sums, depth)
    b.ret()
    return b


def _dots(
    b: Function, own: Any, rest: int, gradient: V, plane: V, panel: V, k: V, length: V, sums: V, depth: V
) -> None:
    """Every row of the panel with every channel of the gradient."""
    height = _channels()
    strips = own.o.div(height)
    whole = k & -ACROSS

    def over(step: int, lo: Any, hi: V) -> None:
        with b.loop(lo, hi, step) as row:
            here, out = b.at(panel, row.i * STRIDE, "float"), b.at(sums, row.i, "float")
            with b.loop(0, strips) as strip:
                o = strip.i * height
                _call(
                    b,
                    height,
                    step,
                    b.at(gradient, o * plane, "float"),
                    plane,
                    here,
                    length,
                    b.at(out, o * depth, "float"),
                    depth,
                )
            if rest:
                o = strips * height
                _call(
                    b,
                    rest,
                    step,
                    b.at(gradient, o * plane, "float"),
                    plane,
                    here,
                    length,
                    b.at(out, o * depth, "float"),
                    depth,
                )

    over(ACROSS, 0, whole)
    over(1, whole, k)


def _call(b: Function, height: int, step: int, g: V, plane: V, panel: V, length: V, out: V, depth: V) -> None:
    if CHECKED:
        b.guard(g, plane * (4 * (height - 1)) + length * 4)
        b.guard(out, depth * (4 * (height - 1)) + 4 * step)
    b.call(f"@dot{height}x{step}", "void", g, plane * 4, panel, length, out, depth * 4)


def _dot(height: int, across: int) -> Function:
    """dot(g, stride of g, panel, length, out, stride of out): out[i][j] += g[i] . panel[j], `height` by `across` of them."""
    w = wide()
    t = vec("float", w)
    b = Function(f"internal void @dot{height}x{across}(ptr %g, i64 %gs, ptr %p, i64 %n, ptr %out, i64 %os)", "noinline")
    gs, n = b.arg("gs", "i64"), b.arg("n", "i64")
    left = [b.arg("g")]
    for _ in range(height - 1):
        left.append(b.at(left[-1], gs))
    right = [b.at(b.arg("p"), j * STRIDE * 4) for j in range(across)]
    whole = n & -w

    def step(i: V, sums: list[V], load: Callable[[V], V]) -> list[V]:
        xs = [load(b.at(p, i, "float")) for p in left]
        out = list(sums)
        for j, p in enumerate(right):
            y = b.load(b.at(p, i, "float"), t)
            for r, x in enumerate(xs):
                out[r * across + j] = b.fma(x, y, out[r * across + j])
        return out

    with b.loop(0, whole, w, *[b.const(0.0, t) for _ in range(height * across)]) as loop:
        loop.next(*step(loop.i, loop.values, lambda p: b.load(p, t)))
    mask = first_lanes(b, n - whole, w)
    short = f"v{w}f32.p0"
    b.declarations.add(f"declare {t} @llvm.masked.load.{short}(ptr, {mask.type}, {t})")

    def part(p: V) -> V:
        return b.emit(f"call {t} @llvm.masked.load.{short}(ptr align 4 {p.name}, {mask}, {t} zeroinitializer)", t)

    with b.loop(whole, n, w, *loop.out) as tail:
        tail.next(*step(tail.i, tail.values, part))
    out = b.arg("out")
    for r in range(height):
        sums = tail.out[r * across : (r + 1) * across]
        total = fold4(b, sums) if across == 4 else fold(b, "sum", sums[0])
        b.store(b.load(out, total.type) + total, out)
        out = b.at(out, b.arg("os", "i64"))
    b.ret()
    return b


def fold4(b: Function, xs: list[V]) -> V:
    """The sums of the lanes of four vectors, as one vector of four."""
    n = lanes(xs[0].type)

    def pair(x: V, y: V) -> V:
        even = [k + half * n for k in range(0, n, 2) for half in (0, 1)]
        return b.shuffle(x, y, even) + b.shuffle(x, y, [m + 1 for m in even])

    ab, cd = pair(xs[0], xs[1]), pair(xs[2], xs[3])
    low = [k + j + half * n for k in range(0, n, 4) for half in (0, 1) for j in (0, 1)]
    total = b.shuffle(ab, cd, low) + b.shuffle(ab, cd, [m + 2 for m in low])
    while n > 4:
        n //= 2
        total = b.shuffle(total, total, list(range(n))) + b.shuffle(total, total, list(range(n, 2 * n)))
    return total


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
