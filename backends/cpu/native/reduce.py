"""Reductions over any axes of a row-major array: along rows by row programs, down columns by the kernel of this file.

Axes are merged to alternating groups first; where more than one group is reduced, the innermost goes first. Sums are
blocked: 64 or so terms to a lane in f32, then f64, in an order that only the shape decides.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from math import prod
from typing import Any

from ....core.contract import arg, row_max, row_min, row_prod, row_program, row_sum
from .expression import load_array, memory_type, store_array
from .fallback import Fallback
from .ir import Function, V, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import combine, first_lanes, identity, load_part
from .layout import usable
from .reduce_rows import short_rows_kernel
from .rows import row_kernel

__all__ = ["Chain", "reduce_kernel"]

LANES, BLOCK, GROUP, FLUSH = (
    16,
    512,
    4,
    128,
)  # lanes of a vector, columns of a task, rows added at once, rows before f64
_ROW = {"sum": row_sum, "prod": row_prod, "max": row_max, "min": row_min}
_texts: dict[Any, Code] = {}


def reduce_kernel(
    kind: str, shape: tuple[int, ...], axes: tuple[int, ...], source: Any, target: Any, numpy_kernel: Callable[..., Any]
) -> Callable[..., Any]:
    """Machine code for a reduction of floats, or `numpy_kernel`."""
    if not usable() or not source.is_float or not axes:
        return numpy_kernel
    groups = [(reduced, prod(n for _, n in members)) for reduced, members in _groups(shape, axes)]
    out_shape = tuple(n for i, n in enumerate(shape) if i not in axes)
    steps = _steps(groups)
    if not steps:
        return numpy_kernel
    return _chain(kind, steps, (shape, out_shape), (source, target), numpy_kernel) or numpy_kernel


def _groups(shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    dims = [(i in axes, n) for i, n in enumerate(shape) if n != 1]
    return [(k, list(g)) for k, g in groupby(dims, key=lambda d: d[0])]


def _steps(groups: list[tuple[bool, int]]) -> list[tuple[int, int, int]]:
    """(A, R, B) of one reduction after another: the innermost reduced group first."""
    groups, steps = list(groups), []
    while any(r for r, _ in groups):
        at = max(i for i, (r, _) in enumerate(groups) if r)
        steps.append((prod(n for _, n in groups[:at]), groups[at][1], prod(n for _, n in groups[at + 1 :])))
        groups = groups[:at] + groups[at + 1 :]
    return steps


def _chain(
    kind: str, steps: list[tuple[int, int, int]], shapes: Any, dtypes: Any, slow: Any
) -> Callable[..., Any] | None:
    """The kernels of the steps as one."""
    (shape, out_shape), (source, target), wide = shapes, dtypes, dtypes[0].compute
    kernels = []
    for i, (a, r, b) in enumerate(steps):
        last = i == len(steps) - 1
        types = (source if i == 0 else wide, target if last else wide)
        sides = (shape if i == 0 else (a * r * b,), out_shape if last else (a * b,))
        step = _one(kind, (a, r, b), types, sides, slow if len(steps) == 1 else _no_kernel)
        if step is None:
            return None
        kernels.append(step)
    return kernels[0] if len(kernels) == 1 else Chain(tuple(kernels))


class Chain:
    """Kernels of one array, each on what the former gave."""

    def __init__(self, kernels: tuple[Callable[..., Any], ...]) -> None:
        self.kernels = kernels

    def __call__(self, x: Any) -> Any:
        for k in self.kernels:
            x = k(x)
        return x


def _one(kind: str, dims: tuple[int, int, int], dtypes: Any, shapes: Any, slow: Any) -> Any:
    a, r, b = dims
    if b > 1:
        return _columns(kind, dims, dtypes, shapes, slow)
    short = short_rows_kernel(kind, a, r, dtypes, shapes, slow)
    if short is not None:
        return short
    program = row_program((_ROW[kind](arg(0)),), dtypes[:1], dtypes[1:], 0, ("full",), ("row",))
    # the kernel checks element counts, so outer and inner may stand for any dims with these products
    kernel = row_kernel(program, (a,), (r,), slow, shapes)
    return None if kernel is NotImplemented or kernel is slow else kernel


def _no_kernel(*_: Any) -> Any:
    raise TypeError("[reduce] takes an array of the type that it was made for")


def _columns(kind: str, dims: tuple[int, int, int], dtypes: Any, shapes: Any, slow: Any) -> Any:
    a, r, b = dims
    blocks = -(-b // BLOCK)
    chunks = 1
    if a * blocks < 16:
        chunks = max(1, min(r // FLUSH, r * min(b, BLOCK) // 32768, 64))
    rows = -(-r // (chunks * FLUSH)) * FLUSH
    chunks = -(-r // rows)
    key = (kind, dtypes, chunks > 1)
    if key not in _texts:
        _texts[key] = _print(*key)
    fallback = Fallback(slow)
    tasks, work = a * blocks * chunks, min(rows, r) * min(b, BLOCK)
    fallback.native = make_kernel(
        _texts[key], "reduce", [ArrayType(shapes[0], dtypes[0].numpy)], [ArrayType(shapes[1], dtypes[1].numpy)], 0, fallback,
        tasks=tasks, grain=max(1, 16384 // work), release=a * r * b > 1 << 19, scratch=a * b * chunks * 8 if chunks > 1 else 0,
        own=[a * b, 2048, r, b, blocks, chunks, rows, a * b],
    )  # fmt: skip
    return fallback.native


_R, _B, _BLOCKS, _CHUNKS, _ROWS, _OUTS = 2, 3, 4, 5, 6, 7


def _print(kind: str, dtypes: Any, split: bool) -> Code:
    entry = Entry(1, [], [None], ["columns", "join"] if split else ["columns"])
    functions = [_Columns(kind, dtypes, split).write()] + ([_join(kind, dtypes)] if split else [])
    return assemble(entry, *functions)


class _Columns:
    """Task t: columns of block t mod blocks, over chunk (t div blocks) mod chunks of the rows, of image t div (blocks chunks)."""

    def __init__(self, kind: str, dtypes: Any, split: bool) -> None:
        self.kind, (self.source, self.target), self.split = kind, dtypes, split
        self.b = b = task_function("columns")
        self.context = Context(b, 2, 0)
        self.one = memory_type(self.source.compute)
        self.total = "double" if kind == "sum" else self.one
        self.size = size_of(memory_type(self.source))
        self.sums = b.stack(self.one, BLOCK)
        self.totals = b.stack(self.total, BLOCK)
        self.buffer = b.stack("i8", 8 * LANES)
        self.r, self.bs, self.blocks, self.chunks, self.rows = (
            self.context.own(i) for i in (_R, _B, _BLOCKS, _CHUNKS, _ROWS)
        )

    def write(self) -> Function:
        b = self.b
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
            rest = loop.i.div(self.blocks)
            start = loop.i.rem(self.blocks) * BLOCK
            chunk, image = rest.rem(self.chunks), rest.div(self.chunks)
            first = chunk * self.rows
            last = b.min(first + self.rows, self.r)
            self.columns = b.min(self.bs - start, BLOCK)
            base = b.at(self.context.arrays[0], (image * self.r * self.bs + start) * self.size)
            self._each(lambda i, _: self._set(self.totals, i, identity(b, self.kind, vec(self.total, LANES))))
            with b.loop(first, last, FLUSH) as part:
                self._each(lambda i, _: self._set(self.sums, i, identity(b, self.kind, vec(self.one, LANES))))
                end = b.min(part.i + FLUSH, last)
                whole = part.i + ((end - part.i) & -GROUP)
                with b.loop(part.i, whole, GROUP) as row:
                    self._add(base, row.i, GROUP)
                with b.loop(whole, end) as row:
                    self._add(base, row.i, 1)
                self._each(self._flush)
            at = image * self.bs + start
            if self.split:
                at = at + chunk * self.context.own(_OUTS)
            with b.loop(0, self.columns) as col:
                x = b.load(b.at(self.totals, col.i, self.total), self.total)
                if self.split:
                    b.store(x, b.at(self.context.scratch(), at + col.i, "i64"), 8)
                else:
                    self._give(x, at + col.i)
        b.ret()
        return b

    def _give(self, x: V, at: V) -> None:
        _store_result(self.b, x, self.one, self.context.arrays[1], at, self.target)

    def _set(self, table: V, i: V, x: V) -> None:
        one = self.total if table is self.totals else self.one
        self.b.store(x, self.b.at(table, i, one))

    def _each(self, do: Callable[[V, Any], None]) -> None:
        """Over the columns in vectors; the room beyond the last column may be touched."""
        with self.b.loop(0, self.columns, LANES) as loop:
            do(loop.i, None)

    def _flush(self, i: V, _: Any) -> None:
        b = self.b
        x = b.load(b.at(self.sums, i, self.one), vec(self.one, LANES))
        place = b.at(self.totals, i, self.total)
        total = b.load(place, vec(self.total, LANES))
        if self.total != self.one:
            x = b.convert("fpext", x, total.type)
        b.store(combine(b, self.kind, total, x), place)

    def _add(self, base: V, row: V, count: int) -> None:
        """Rows `row` to `row + count`, in pairs, then to the sums."""
        b = self.b
        pointers = [b.at(base, (row + k) * self.bs * self.size) for k in range(count)]
        whole = self.columns & -LANES
        with b.loop(0, whole, LANES) as loop:
            self._put(loop.i, [load_array(b, b.at(p, loop.i * self.size), self.source, LANES) for p in pointers])
        rest = self.columns - whole
        with b.when(rest.cmp("sgt", 0)):
            mask = first_lanes(b, rest, LANES)
            at = whole * self.size
            self._put(whole, [load_part(b, b.at(p, at), self.source, mask, rest, self.buffer) for p in pointers])

    def _put(self, i: V, xs: list[V]) -> None:
        b = self.b
        while len(xs) > 1:
            xs = [combine(b, self.kind, x, y) for x, y in zip(xs[::2], xs[1::2], strict=True)]
        place = b.at(self.sums, i, self.one)
        b.store(combine(b, self.kind, b.load(place, vec(self.one, LANES)), xs[0]), place)


def _store_result(b: Function, x: V, one: str, array: V, at: V, target: Any) -> None:
    if x.type != one:
        x = b.convert("fptrunc", x, one)
    store_array(b, x, b.at(array, at * size_of(memory_type(target))), target)


def _join(kind: str, dtypes: Any) -> Function:
    """Task t adds up the chunks of output t, in order."""
    b = task_function("join")
    context = Context(b, 2, 0)
    one = memory_type(dtypes[0].compute)
    total = "double" if kind == "sum" else one
    outs, chunks = context.own(_OUTS), context.own(_CHUNKS)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
        with b.loop(0, chunks, 1, identity(b, kind, total)) as part:
            x = b.load(b.at(context.scratch(), part.i * outs + loop.i, "i64"), total, 8)
            part.next(combine(b, kind, part.values[0], x))
        _store_result(b, part.out[0], one, context.arrays[1], loop.i, dtypes[1])
    b.ret()
    return b
