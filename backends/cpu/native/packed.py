"""Large matrix products: both operands are packed once, by all threads, then tiles of C are claimed by whoever has time.

A goes into strips of `rows()` rows, B into strips of `columns()` columns, each one step of k after another, so that a tile
reads both in a straight line, whatever their layout was. What a task computes depends on the shape alone: the number of
threads and the load of the machine change no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any, NamedTuple

from ....core.contract import f32, f64
from .alias import row_major
from .fallback import Fallback
from .ir import CHECKED, Function, V, size_of
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .layout import usable
from .packing import copy_function, turn_function
from .tile import columns, rows, tile_function, wide
from .views import merge

__all__ = ["large_linear", "large_linear_backward", "large_matmul"]

LEAST = 16  # of m, n and k: below that packing costs more than it saves
DEPTH = 256  # steps of k in a pass over a block of C: a strip of B fills half of a first-level cache
TALL, WIDE = 192, 256  # rows and columns of a block of C, about
TASKS = 24  # blocks that are worth narrower ones
PACKED = 1 << 15  # elements that a chunk packs, about
_OWN = ("m", "n", "k", "depth", "tall", "wide", "inner", "a_turned", "a_lead", "a_outer", "a_inner", "a_count", "b_turned", "b_lead",
        "b_outer", "b_inner", "b_count", "post", "post_at")  # fmt: skip
_OWN_AT = {name: i + 2 for i, name in enumerate(_OWN)}  # after the slots of the second stage
_texts: dict[Any, Code] = {}


class Operand(NamedTuple):
    """How a matrix lies, in elements: `turned` says that k is contiguous, `lead` is the step of the other index.

    Batch t begins at (t div inner) outer + (t mod inner) step.
    """

    turned: bool
    lead: int
    outer: int = 0
    step: int = 0


class Layout(NamedTuple):
    """Both operands of a product, and the length of the inner of the two dims of their batches."""

    a: Operand
    b: Operand
    inner: int = 1


def layout_of(batch: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...], size: int) -> Layout | None:
    """The layout of operands with these strides in bytes, or None where one of them must be copied first."""
    if any(s % size or s < 0 for s in (*a, *b)):
        return None
    steps = [tuple(s // size for s in strides) for strides in (a, b)]
    merged = merge(batch, [s[:-2] for s in steps]) or ([1, 1, 1], [[0, 0, 0]] * 2)
    operands = []
    for s, k_axis, (_, outer, step) in zip(steps, (-1, -2), merged[1], strict=True):
        k, other = s[k_axis], s[-3 - k_axis]
        if 1 not in (k, other):
            return None
        operands.append(Operand(k == 1, other if k == 1 else k, outer, step))
    whole = prod(merged[0]) == prod(batch) and merged[0][0] == 1
    return Layout(operands[0], operands[1], merged[0][2]) if whole else None


def large_product(
    dtype: Any, inputs: list[ArrayType], output: ArrayType, sizes: tuple[int, int, int, int], layout: Layout | None,
    slow: Callable[..., Any], views: bool = False,
) -> Callable[..., Any] | None:  # fmt: skip
    """C = A B (+ a bias of n, the third input) for `sizes` (batch, m, n, k), or None.

    * `views`: the first two inputs have the strides of their types, else they are row-major.
    """
    batch, m, n, k = sizes
    if not usable() or dtype not in (f32, f64) or min(m, n, k) < LEAST or layout is None:
        return None
    type_ = "float" if dtype is f32 else "double"
    key = (type_, len(inputs) == 3, views)
    if key not in _texts:
        _texts[key] = _print(*key)
    across, down = columns(type_), rows()
    counts = [1 if o[2:] == (0, 0) else batch for o in layout[:2]]
    strips, panels = -(-m // down), -(-n // across)
    tall, broad = _blocks(batch, strips, panels, down, across)
    tasks = batch * -(-strips // tall) * -(-panels // broad)
    own = [tasks, max(1, (1 << 18) // (tall * down * broad * across * k)), m, n, k, _even(k, DEPTH), tall, broad, layout.inner]  # fmt: skip
    for o, count in zip(layout[:2], counts, strict=True):
        own += [*o, count]
    own += [0, 0]
    scratch = counts[0] * strips * (down * k + wide(type_)) + counts[1] * panels * across * (k + 1)
    return make_kernel(
        _texts[key], "matmul", inputs, [output], 0, slow, tasks=counts[0] * strips + counts[1] * panels, grain=max(1, PACKED // (down * k)),
        release=batch * m * n * k > 1 << 20, scratch=scratch * size_of(type_), own=own,
    )  # fmt: skip


def _even(total: int, most: int) -> int:
    """Parts alike, of about `most`."""
    return -(-total // max(1, round(total / most)))


def _blocks(batch: int, strips: int, panels: int, down: int, across: int) -> tuple[int, int]:
    """Strips and panels of a block of C."""
    tall, wide_ = _even(strips, TALL // down), _even(panels, WIDE // across)
    while batch * -(-strips // tall) * -(-panels // wide_) < TASKS and (wide_ > 4 or tall > 4):
        if wide_ * across >= tall * down and wide_ > 4:
            wide_ = -(-wide_ // 2)
        else:
            tall = -(-tall // 2)
    return tall, wide_


def _print(type_: str, biased: bool, views: bool) -> Code:
    entry = Entry(2 + biased, [], [None], ["pack", "multiply"], (0, 1) if views else ())
    down, across = rows(), columns(type_)
    packs = [make(h, type_) for h in (down, down // 2, across) for make in (copy_function, turn_function)]
    tiles = [tile_function(h, type_) for h in (down, down // 2)]
    stages = [_stage(side, type_, biased, views) for side in "ab"]
    return assemble(
        entry, *packs, *tiles, *stages, _pack(type_, biased, views), _multiply(type_, biased, views)
    )._replace(post=_OWN_AT["post"])


def _open(name: str, type_: str, biased: bool, views: bool) -> Any:
    """A task function, and what it reads of the slots: their values by name."""
    b = task_function(name)
    context = Context(b, 3 + biased, 0)
    if views:
        for array in context.arrays[:2]:
            array.region = None  # NumPy vouches for what its strides reach
    own = SimpleNamespace(b=b, arrays=context.arrays, **{n: context.own(at) for n, at in _OWN_AT.items()})
    own.strips, own.panels = (own.m + (rows() - 1)).div(rows()), (own.n + (columns(type_) - 1)).div(columns(type_))
    own.strip, own.panel = own.k * rows() + wide(type_), (own.k + 1) * columns(type_)
    own.packed_b = context.scratch()  # whose vectors so lie in one line each
    own.packed_a = b.at(own.packed_b, own.b_count * own.panels * own.panel, type_)
    return own


def _pack(type_: str, biased: bool, views: bool) -> Function:
    """Tasks of A, then those of B: threads wait for each other once."""
    own = _open("pack", type_, biased, views)
    b, count = own.b, own.a_count * own.strips
    lo, hi, ctx = b.arg("lo", "i64"), b.arg("hi", "i64"), b.arg("ctx")
    with b.when(lo.cmp("slt", count)):
        b.call("@pack_a", "void", ctx, lo, b.min(hi, count))
    with b.when(hi.cmp("sgt", count)):
        b.call("@pack_b", "void", ctx, b.max(lo, count) - count, hi - count)
    b.ret()
    return b


def _stage(side: str, type_: str, biased: bool, views: bool) -> Function:
    """Task t: strip t mod strips of batch t div strips of A, or such a panel of B."""
    own = _open(f"pack_{side}", type_, biased, views)
    b, down = own.b, rows() if side == "a" else columns(type_)
    count = own.strips if side == "a" else own.panels
    lo, hi = b.arg("lo", "i64"), b.arg("hi", "i64")
    with b.loop(lo.div(count), (hi - 1).div(count) + 1) as batch:
        before = batch.i * count
        first, last = b.max(lo - before, 0), b.min(hi - before, count)
        side_ = _Side(own, side, type_, batch.i)
        whole = b.min(last, side_.most.div(down))
        b.either(
            getattr(own, f"{side}_turned").cmp("ne", 0),
            lambda: side_.turn(first, whole),
            lambda: side_.copy(first, whole),
        )
        with b.when(whole.cmp("slt", last)):
            side_.part(whole)
    b.ret()
    return b


class _Side:
    """Packs one operand of a batch, from its matrix to its strips."""

    def __init__(self, own: Any, side: str, type_: str, batch: V) -> None:
        b = self.b = own.b
        self.own, self.type = own, type_
        self.down, self.most = (rows(), own.m) if side == "a" else (columns(type_), own.n)
        self.halves = side == "a"
        count, self.length, to = (
            (own.strips, own.strip, own.packed_a) if side == "a" else (own.panels, own.panel, own.packed_b)
        )
        turned, self.lead, outer, inner = (getattr(own, f"{side}_{x}") for x in ("turned", "lead", "outer", "inner"))
        self.turned = turned.cmp("ne", 0)
        self.step, self.along = (
            b.select(self.turned, x, y) for x, y in ((self.lead, b.const(1)), (b.const(1), self.lead))
        )
        at = batch.div(own.inner) * outer + batch.rem(own.inner) * inner
        self.source = b.at(own.arrays["ab".index(side)], at, type_)
        self.to = b.at(to, batch * count * self.length, type_)

    def _call(self, name: str, height: int, strip: V, start: Any, steps: V, live: Any, count: Any = 1) -> None:
        """Steps `start` on of strips from `strip` on."""
        b, size = self.b, size_of(self.type)
        first, live, count = strip * self.down, b.value(live, "i64"), b.value(count, "i64")
        source = b.at(self.source, first * self.step + self.along * start, self.type)
        reach = (
            (live - 1) * self.lead + steps if name == "turn" else (steps - 1) * self.lead + (count - 1) * height + live
        )
        b.guard(source, reach * size)
        here = b.at(b.at(self.to, strip * self.length, self.type), b.value(start, "i64") * height, self.type)
        more = (count, self.length) if name == "copy" else ()
        b.call(f"@{name}{height}", "void", source, self.lead, steps, live, here, *more)

    def copy(self, first: V, last: V) -> None:
        """Whole strips side by side, so that lines are read once and in order."""
        with self.b.when(first.cmp("slt", last)):
            self._call("copy", self.down, first, 0, self.own.k, self.down, last - first)

    def turn(self, first: V, last: V) -> None:
        with self.b.loop(first, last) as strip:
            self._call("turn", self.down, strip.i, 0, self.own.k, self.down)

    def part(self, strip: V) -> None:
        """The last strip, which is not whole; of A it may be a short one."""
        b, live = self.b, self.most - strip * self.down

        def by(height: int) -> None:
            b.either(
                self.turned,
                lambda: self._call("turn", height, strip, 0, self.own.k, live),
                lambda: self._call("copy", height, strip, 0, self.own.k, live),
            )

        if self.halves:
            b.either(live.cmp("sgt", self.down // 2), lambda: by(self.down), lambda: by(self.down // 2))
        else:
            by(self.down)


def _multiply(type_: str, biased: bool, views: bool) -> Function:
    """Task t: a block of C, the columns' blocks of one block of rows first."""
    own = _open("multiply", type_, biased, views)
    b, down, across, size = own.b, rows(), columns(type_), size_of(type_)
    tall, broad = (own.strips + (own.tall - 1)).div(own.tall), (own.panels + (own.wide - 1)).div(own.wide)
    none = b.const(0, "ptr")
    bias, out = own.arrays[2] if biased else none, own.arrays[-1]
    single = [own.a_count.cmp("eq", 1), own.b_count.cmp("eq", 1)]
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        rest = task.i.div(broad)
        column, row, batch = task.i.rem(broad) * own.wide, rest.rem(tall) * own.tall, rest.div(tall)
        last_row, last_column = b.min(row + own.tall, own.strips), b.min(column + own.wide, own.panels)
        a = b.at(own.packed_a, b.select(single[0], b.const(0), batch) * own.strips * own.strip, type_)
        right = b.at(own.packed_b, b.select(single[1], b.const(0), batch) * own.panels * own.panel, type_)
        c = b.at(out, batch * own.m * own.n, type_)
        with b.loop(0, own.k, own.depth) as part, b.loop(column, last_column) as j:
            depth, col = b.min(own.k - part.i, own.depth), j.i * across
            panel = b.at(right, j.i * own.panel + part.i * across, type_)
            later = part.i.cmp("ne", 0)
            with b.loop(row, last_row) as i:
                first = i.i * down
                live = b.min(own.m - first, down)
                place = b.at(c, first * own.n + col, type_)
                plus = b.select(later, place, b.at(bias, col, type_) if biased else none)
                pitch = b.select(later, own.n * size, b.const(0))
                strip = b.at(a, i.i * own.strip, type_)
                if CHECKED:
                    b.guard(place, ((live - 1) * own.n + b.min(own.n - col, across)) * size)

                def tile(
                    h: int, strip: V = strip, place: V = place, plus: V = plus, pitch: V = pitch, live: V = live
                ) -> None:
                    left = b.at(strip, part.i * h, type_)
                    b.call(
                        f"@tile{h}", "void", left, panel, depth, b.const(across * size), place, own.n * size, plus, pitch,
                        own.n - col, live,
                    )  # fmt: skip

                b.either(live.cmp("sgt", down // 2), lambda: tile(down), lambda: tile(down // 2))
        with b.when(own.post.cmp("ne", 0)):
            last = b.min(last_column * across, own.n), b.min(last_row * down, own.m)
            _post(own, batch * own.m * own.n, row * down, last[1], column * across, last[0])
    b.ret()
    return b


def _post(own: Any, c: V, row: V, last_row: V, column: V, last_column: V) -> None:
    """Run the task function of slot `post` over a block of C, which begins at element `c`, while it is in the caches."""
    b, post = own.b, own.b.convert("inttoptr", own.post, "ptr")
    context = b.at(b.arg("ctx"), own.post_at)

    def rows_() -> None:
        with b.loop(row, last_row) as i:
            line = c + i.i * own.n
            b.call(post, "void", context, line + column, line + last_column)

    def all_() -> None:
        b.call(post, "void", context, c + row * own.n, c + last_row * own.n)

    b.either((last_column - column).cmp("eq", own.n), all_, rows_)


def large_matmul(sig: Any, slow: Callable[..., Any]) -> Callable[..., Any]:
    """`matmul` of large operands, read as they lie where one of their last two axes is contiguous; or `slow`."""
    (a, right), (c,) = sig
    (m, k), n, batch = a.shape[-2:], right.shape[-1], a.shape[:-2]
    sizes, dtype, fallback = (prod(batch), m, n, k), c.dtype, Fallback(slow)

    def kernel(strides: tuple[Any, ...], views: bool) -> Callable[..., Any] | None:
        if any(s is None or len(s) != c.rank for s in strides):
            return None
        inputs = [ArrayType(t.shape, t.dtype.numpy, s) for t, s in zip(sig.inputs, strides, strict=True)]
        layout = layout_of(batch, strides[0], strides[1], dtype.itemsize)
        return large_product(
            dtype,
            inputs,
            ArrayType(c.shape, c.dtype.numpy),
            sizes,
            layout,
            fallback.by_copies if views else fallback,
            views,
        )

    fallback.native = kernel(tuple(row_major(t.shape, dtype.itemsize) for t in sig.inputs), False)
    if fallback.native is None:
        return slow
    fallback.strided = lambda strides: kernel(strides, True)
    return fallback.native


def large_linear(sig: Any, slow: Callable[..., Any]) -> Callable[..., Any]:
    """`linear` of large operands, or `slow`."""
    x, weight = sig.inputs[:2]
    n, k = weight.shape
    layout = Layout(Operand(True, k), Operand(True, k))
    return _contiguous(sig.inputs, sig.outputs[0], (1, x.numel // k, n, k), layout, slow)


def large_linear_backward(sig: Any, slow: Callable[..., Any]) -> tuple[Any, Any]:
    """The products of `linear.backward`: (g, w) to dx and (g, x) to dw; None where they are not large."""
    g, x, weight = sig.inputs
    (n, k), m = weight.shape, x.numel // x.shape[-1]
    over, down = Operand(False, n), Operand(False, k)
    dx = _contiguous([g, weight], x, (1, m, k, n), Layout(Operand(True, n), down), slow)
    dw = _contiguous([g, x], weight, (1, n, k, m), Layout(over, down), slow)
    return tuple(None if kernel is slow else kernel for kernel in (dx, dw))  # type: ignore[return-value]


def _contiguous(
    inputs: Any, output: Any, sizes: tuple[int, int, int, int], layout: Layout, slow: Callable[..., Any]
) -> Callable[..., Any]:
    """The product of row-major operands, or `slow`."""
    fallback = Fallback(slow)
    types = [ArrayType(t.shape, t.dtype.numpy) for t in (*inputs, output)]
    fallback.native = large_product(output.dtype, types[:-1], types[-1], sizes, layout, fallback)
    return fallback.native or slow
