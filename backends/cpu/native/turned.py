"""Row-major copies of views whose last two axes lie the other way round: squares of a register's length are turned in registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .ir import Function, V, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .layout import usable
from .packing import transpose
from .tile import wide
from .views import merge

__all__ = ["turned_copy"]

_ROWS, _COLUMNS, _LEAD, _BANDS, _INNER, _OUTER_STEP, _INNER_STEP = range(7)
_code: dict[str, Code] = {}


@lru_cache(256)
def turned_copy(shape: tuple[int, ...], strides: tuple[int, ...], name: str) -> Callable[..., Any] | None:
    """A function that copies such views of f32 or f64, or None where they lie otherwise."""
    if not usable() or name not in ("float32", "float64") or len(shape) < 2 or min(shape[-2:]) < 16:
        return None
    dtype = np.dtype(name)
    size = dtype.itemsize
    batch = merge(shape[:-2], [strides[:-2]]) or ([1, 1, 1], [[0, 0, 0]])
    if strides[-2] != size or any(s % size for s in strides) or batch[0][0] > 1 or prod(batch[0]) != prod(shape[:-2]):
        return None
    type_ = "float" if size == 4 else "double"
    if type_ not in _code:
        _code[type_] = assemble(Entry(1, [], [None], ["bands"], (0,)), _bands(type_))
    rows, columns, band = shape[-2], shape[-1], _band(type_)
    bands = -(-rows // band)
    own = [rows, columns, strides[-1] // size, bands, batch[0][2], *[s // size for s in batch[1][0][1:]]]
    tasks = prod(shape[:-2]) * bands
    return make_kernel(
        _code[type_], "turn", [ArrayType(shape, dtype, strides)], [ArrayType(shape, dtype)], 0, np.ndarray.copy, tasks=tasks,
        grain=max(1, 16384 // (band * columns)), release=prod(shape) > 1 << 18, own=own,
    )  # fmt: skip


def _band(type_: str) -> int:
    """Rows of a task: what a cache line holds, at least a register."""
    return max(wide(type_), 64 // size_of(type_))


def _bands(type_: str) -> Function:
    """Task t: band t mod bands of rows, of batch t div bands."""
    b, w, band = task_function("bands"), wide(type_), _band(type_)
    context = Context(b, 2, 0)
    source, out = context.arrays
    source.region = None  # NumPy vouches for what its strides reach
    own = [context.own(i) for i in range(7)]
    rows, columns, lead, bands, inner = own[:5]
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        batch, first = task.i.div(bands), task.i.rem(bands) * band
        count = b.min(rows - first, band)
        at = batch.div(inner) * own[_OUTER_STEP] + batch.rem(inner) * own[_INNER_STEP] + first
        x, y = b.at(source, at, type_), b.at(out, (batch * rows + first) * columns, type_)
        whole = b.select(count.cmp("eq", band), columns & -w, b.const(0))
        with b.loop(0, whole, w) as column, b.loop(0, band, w) as row:
            here = b.at(x, column.i * lead + row.i, type_)
            turned = transpose(b, [b.load(b.at(here, lead * j, type_), vec(type_, w)) for j in range(w)])
            to = b.at(y, row.i * columns + column.i, type_)
            for j, line in enumerate(turned):
                b.store(line, b.at(to, columns * j, type_))
        with b.loop(whole, columns) as column, b.loop(0, count) as row:
            value: V = b.load(b.at(x, column.i * lead + row.i, type_), type_)
            b.store(value, b.at(y, row.i * columns + column.i, type_))
    b.ret()
    return b
