"""Kernels that walk along one axis of (A, R, B) arrays in order: running sums, what lies at given places, and sums there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

from ....core.contract import i64
from .expression import memory_type
from .fallback import Fallback
from .ir import Function, V, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import first_lanes, load_part, store_part
from .layout import usable
from .tile import wide

__all__ = ["gather_kernel", "running_sum_kernel", "scatter_kernel"]

BLOCK = 256  # columns of a task
_R, _B, _BLOCKS, _SIZE = 0, 1, 2, 3
_code: dict[Any, Code] = {}


def running_sum_kernel(sig: Any, axis: int, slow: Callable[..., Any]) -> Callable[..., Any]:
    """`cumsum` of floats of 32 or 64 bits and of integers, or `slow`."""
    (x,), (y,) = sig
    if x.dtype is not y.dtype or not _takes(x.dtype):
        return slow
    dims = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    return _make("running", _running, x.dtype, [ArrayType(x.shape, x.dtype.numpy)], y.shape, (dims, 0), slow)


def scatter_kernel(sig: Any, axis: int, size: int, slow: Callable[..., Any]) -> Callable[..., Any] | None:
    """`scatter_add` for i64 indices that are known to be in range, or None."""
    (src, index), (y,) = sig
    if not _takes(src.dtype):
        return None
    dims = prod(src.shape[:axis]), prod(index.shape[axis:]), prod(src.shape[index.rank :])
    types = [ArrayType(src.shape, src.dtype.numpy), ArrayType(index.shape, i64.numpy)]
    return _make("scatter", _scatter, src.dtype, types, y.shape, (dims, size), slow)


def gather_kernel(sig: Any, axis: int, slow: Callable[..., Any]) -> Callable[..., Any] | None:
    """`gather` for i64 indices that are known to be in range, or None."""
    (a, index), (y,) = sig
    if not _takes(a.dtype):
        return None
    dims = prod(a.shape[:axis]), prod(index.shape[axis:]), prod(a.shape[axis + 1 :])
    types = [ArrayType(a.shape, a.dtype.numpy), ArrayType(index.shape, i64.numpy)]
    return _make("gather", _gather, a.dtype, types, y.shape, (dims, a.shape[axis]), slow)


def _takes(dtype: Any) -> bool:
    return usable() and dtype.bits >= 32 and (dtype.is_float or dtype.is_int) and dtype.compute is dtype


def _make(name: str, write: Any, dtype: Any, inputs: list[ArrayType], shape: Any, sizes: Any, slow: Any) -> Any:
    (a, r, b), size = sizes
    key = (name, memory_type(dtype))
    if key not in _code:
        _code[key] = assemble(Entry(len(inputs), [], [None], ["along"]), write(memory_type(dtype), dtype))
    blocks, fallback = -(-b // BLOCK), Fallback(slow)
    work = r * min(b, BLOCK)
    fallback.native = make_kernel(
        _code[key], name, inputs, [ArrayType(shape, dtype.numpy)], 0, fallback, tasks=a * blocks, grain=max(1, 32768 // work),
        release=a * r * b > 1 << 19, own=[r, b, blocks, size],
    )  # fmt: skip
    return fallback.native


def _columns(b: Function, count: V, type_: str, do: Callable[[V, Any, Any], None]) -> None:
    """do(offset, load, store) over `count` columns in vectors, the last one masked."""
    w, size = wide(type_), size_of(type_)
    whole = count & -w
    with b.loop(0, whole, w) as i:
        do(i.i, lambda p, _: b.load(p, vec(type_, w)), lambda x, p, _: b.store(x, p))
    rest = count - whole
    with b.when(rest.cmp("sgt", 0)):
        mask, none = first_lanes(b, rest, w), b.const(0, "ptr")

        def load(p: V, dtype: Any) -> V:
            b.guard(p, rest * size)
            return load_part(b, p, dtype, mask, rest, none)

        do(whole, load, lambda x, p, dtype: store_part(b, x, p, dtype, mask, rest, none))


@contextmanager
def _blocks_of(b: Function, columns: V, blocks: V) -> Iterator[tuple[V, V, V]]:
    """Each task's (batch, first column, number of columns): task t is a block of columns of batch t div blocks."""
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        first, batch = task.i.rem(blocks) * BLOCK, task.i.div(blocks)
        yield batch, first, b.min(columns - first, BLOCK)


def _running(type_: str, dtype: Any) -> Function:
    """Each row is the sum of the one before and of its own."""
    b = task_function("along")
    context = Context(b, 2, 0)
    rows, columns, blocks = (context.own(i) for i in (_R, _B, _BLOCKS))
    with _blocks_of(b, columns, blocks) as (batch, first, count):
        at = batch * rows * columns + first
        x, y = (b.at(p, at, type_) for p in context.arrays)

        def single(x: V = x, y: V = y) -> None:
            with b.loop(0, rows, 1, b.const(0, type_)) as row:
                total = row.values[0] + b.load(b.at(x, row.i, type_), type_)
                b.store(total, b.at(y, row.i, type_))
                row.next(total)

        def several(x: V = x, y: V = y, count: V = count) -> None:
            pitch = columns * size_of(type_)

            def start(i: V, load: Any, store: Any) -> None:
                store(load(b.at(x, i, type_), dtype), b.at(y, i, type_), dtype)

            _columns(b, count, type_, start)
            with b.loop(1, rows, 1, x, y) as row:
                before, source, to = row.values[1], b.at(row.values[0], pitch), b.at(row.values[1], pitch)

                def add(i: V, load: Any, store: Any) -> None:
                    total = load(b.at(before, i, type_), dtype) + load(b.at(source, i, type_), dtype)
                    store(total, b.at(to, i, type_), dtype)

                _columns(b, count, type_, add)
                row.next(source, to)

        b.either(columns.cmp("eq", 1), single, several)
    b.ret()
    return b


def _gather(type_: str, dtype: Any) -> Function:
    """Lines from their places; one that is out of range gives zeros."""
    b, size = task_function("along"), size_of(type_)
    context = Context(b, 3, 0)
    rows, columns, blocks, places = (context.own(i) for i in (_R, _B, _BLOCKS, _SIZE))
    source, index, out = context.arrays
    with _blocks_of(b, columns, blocks) as (batch, first, count):
        lines, at = b.at(source, batch * places * columns + first, type_), b.at(index, batch * rows, "i64")
        to = b.at(out, batch * rows * columns + first, type_)
        with b.loop(0, rows) as row:
            wanted, line = b.slot(at, row.i), b.at(to, row.i * columns, type_)

            def one(line: V = line, wanted: V = wanted) -> None:
                b.store(b.load(b.at(lines, wanted, type_), type_), line)

            def several(count: V = count, line: V = line, wanted: V = wanted) -> None:
                from_ = b.at(lines, wanted * columns, type_)
                _columns(
                    b,
                    count,
                    type_,
                    lambda i, load, store: store(load(b.at(from_, i, type_), dtype), b.at(line, i, type_), dtype),
                )

            b.either(
                wanted.cmp("ult", places),  # checked before; but who knows who writes to them since
                lambda: b.either(columns.cmp("eq", 1), one, several), lambda: b.clear(line, count * size),
            )  # fmt: skip
    b.ret()
    return b


def _scatter(type_: str, dtype: Any) -> Function:
    """Lines added to their places, in order, so that repeated places have one result."""
    b, size = task_function("along"), size_of(type_)
    context = Context(b, 3, 0)
    rows, columns, blocks, places = (context.own(i) for i in (_R, _B, _BLOCKS, _SIZE))
    source, index, out = context.arrays
    with _blocks_of(b, columns, blocks) as (batch, first, count):
        to = b.at(out, batch * places * columns + first, type_)
        with b.loop(0, places) as place:
            b.clear(b.at(to, place.i * columns, type_), count * size)
        lines, at = b.at(source, batch * rows * columns + first, type_), b.at(index, batch * rows, "i64")
        with b.loop(0, rows) as row:
            wanted = b.slot(at, row.i)
            line, place_of = b.at(lines, row.i * columns, type_), b.at(to, wanted * columns, type_)

            def add(i: V, load: Any, store: Any, line: V = line, place_of: V = place_of) -> None:
                p = b.at(place_of, i, type_)
                store(load(p, dtype) + load(b.at(line, i, type_), dtype), p, dtype)

            def one(line: V = line, place_of: V = place_of) -> None:
                b.store(b.load(place_of, type_) + b.load(line, type_), place_of)

            def several(count: V = count, add: Any = add) -> None:
                _columns(b, count, type_, add)

            with b.when(wanted.cmp("ult", places)):  # checked before; but who knows who writes to them since
                b.either(columns.cmp("eq", 1), one, several)
    b.ret()
    return b
