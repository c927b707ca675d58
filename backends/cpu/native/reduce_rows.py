"""Reductions of many short rows: a register's worth of rows at a time, each in a register of its own, turned at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .expression import load_array, memory_type, store_array
from .fallback import Fallback
from .ir import Function, V, scalar_type, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import combine, first_lanes, identity, load_part
from .packing import transpose
from .tile import wide

__all__ = ["short_rows_kernel"]

LONGEST, FEWEST = 512, 64  # elements of a row, rows
_ROWS, _LENGTH = 0, 1
_code: dict[Any, Code] = {}


def short_rows_kernel(
    kind: str, rows: int, length: int, dtypes: Any, shapes: Any, slow: Callable[..., Any]
) -> Callable[..., Any] | None:
    """Machine code for a reduction of the last axis of (rows, length), or None where `rows` serves better."""
    if length > LONGEST or length < 8 or rows < FEWEST:
        return None
    key = (kind, dtypes)
    if key not in _code:
        _code[key] = assemble(Entry(1, [], [None], ["groups"]), _groups(kind, dtypes))
    at_once = wide(memory_type(dtypes[0].compute))
    fallback = Fallback(slow)
    fallback.native = make_kernel(
        _code[key], "reduce", [ArrayType(shapes[0], dtypes[0].numpy)], [ArrayType(shapes[1], dtypes[1].numpy)], 0, fallback,
        tasks=-(-rows // at_once), grain=max(1, 32768 // (at_once * length)), release=rows * length > 1 << 19, own=[rows, length],
    )  # fmt: skip
    return fallback.native


def _groups(kind: str, dtypes: Any) -> Function:
    """Task t: rows from t times the lanes of a register on; the last group begins earlier, so that it is whole."""
    b = task_function("groups")
    context = Context(b, 2, 0)
    rows, length = context.own(_ROWS), context.own(_LENGTH)
    source, target = dtypes
    one = memory_type(source.compute)
    w, size, out_size = wide(one), size_of(memory_type(source)), size_of(memory_type(target))
    buffer = b.stack("i8", w * size)
    whole = length & -w
    mask = first_lanes(b, length - whole, w)
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        first = b.min(task.i * w, rows - w)
        lines = [b.at(context.arrays[0], (first + k) * length * size) for k in range(w)]

        def add(sums: list[V], at: V, load: Callable[[V], V], lines: list[V] = lines) -> list[V]:
            return [combine(b, kind, s, load(b.at(p, at * size))) for s, p in zip(sums, lines, strict=True)]

        with b.loop(0, whole, w, *[identity(b, kind, vec(one, w))] * w) as loop:
            loop.next(*add(loop.values, loop.i, lambda p: load_array(b, p, source, w)))

        def part(p: V) -> V:
            x = load_part(b, p, source, mask, length - whole, buffer)
            return b.select(mask, x, identity(b, kind, x.type))

        with b.loop(whole, length, w, *loop.out) as tail:  # once at most
            tail.next(*add(tail.values, whole, part))
        xs = transpose(b, tail.out)
        while len(xs) > 1:
            xs = [combine(b, kind, x, y) for x, y in zip(xs[::2], xs[1::2], strict=True)]
        assert scalar_type(xs[0].type) == one
        store_array(b, xs[0], b.at(context.arrays[1], first * out_size), target)
    b.ret()
    return b
