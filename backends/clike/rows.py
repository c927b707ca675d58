"""Row programs: maps with reductions along rows, in one of four ways.

* "group": a group's items walk along the row together; for GPUs.
* "vectors": an item walks along a few rows in vectors; for CPUs, f32 and f16.
* "lanes": the same with an accumulator per vector lane, in loops that a compiler vectorises; for CPUs and all else.
* "items": an item walks along its row while its neighbours walk along theirs; for rows that lie side by side, or are short.

Float sums are folded in two levels, so that the error does not grow with the row. A reduction may be split: each row's parts are folded apart, and then together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from ...core.contract import RowProgram
from .array import Array, Shape, Strides, collapse, dense_strides
from .engine import Engine, Launch, Source, Target
from .rowvector import VectorWriter, vectorisable
from .rowwriter import Writer

__all__ = ["Layout", "compile_row", "row_launch"]

LANES_WORK = 16384  # elements that an item of a CPU should see at least
SMALL, SMALL_ROW = 2048, 64  # elements in all, and of a row, up to which one kernel takes every layout


class Layout(NamedTuple):
    """How a row kernel walks its arrays: dims and strides of the rows, and along a row; () where an array has no such dims."""

    outer: Shape
    inner: Shape
    outer_strides: tuple[Strides, ...]
    inner_strides: tuple[Strides, ...]


def layout(kinds: Sequence[str], outer: Shape, inner: Shape, strides: Sequence[Strides]) -> Layout:
    """Collapsed dims of arrays of these kinds."""
    n = len(outer)
    by_outer = [s[:n] if k in ("full", "row") else (0,) * n for k, s in zip(kinds, strides, strict=True)]
    by_inner = [
        s[n:] if k == "full" else s if k == "col" else (0,) * len(inner) for k, s in zip(kinds, strides, strict=True)
    ]
    rows, row_steps = collapse(outer, by_outer)
    cols, col_steps = collapse(inner, by_inner)
    return Layout(rows, cols, row_steps, col_steps)


def row_launch(program: RowProgram, lay: Layout, target: Target, parts: int = 1) -> Launch:
    """The launch of a row program; with `parts` above 1 the only output is (rows, parts) by groups, (parts, rows) by items."""
    rows, n = prod(lay.outer), prod(lay.inner)
    kinds = program.in_kinds + program.out_kinds
    side_by_side = any(
        o[-1] == 1 and i[-1] != 1 for k, o, i in zip(kinds, lay.outer_strides, lay.inner_strides) if k == "full"
    )
    short = n < 2 * target.lanes or (rows >= 16 * target.units and n < 64)
    items = rows * parts
    small = rows * n <= SMALL and n <= SMALL_ROW
    if small:
        lay = _filled(lay)
    classes = tuple([(min(o[-1], 2), min(i[-1], 2)) for o, i in zip(lay.outer_strides, lay.inner_strides)])
    if small:
        classes = ((2, 2),) * len(classes)
    if (small and (target.cpu or short)) or (lay.outer[-1] >= min(16, rows) and (side_by_side or short)):
        way, width, group, groups, each = "items", 1, 64, -(-items // 64), 1
    elif target.cpu:
        each = max(1, min(LANES_WORK // max(1, n // parts), items // (4 * target.units)))  # rows per item
        way, width, group, groups = "lanes", 8, 1, -(-items // each)
        if target.vector >= 4 and vectorisable(program, [c[1] for c in classes], len(lay.inner)):
            way, width = "vectors", min(16, 2 * target.vector) if target.fused else target.vector
    else:
        width = _width(n, target)
        way, group, groups, each = "group", width, items, 1
    source = _source(program, len(lay.outer), len(lay.inner), classes, way, width, group, parts > 1, rows * n < 2**31)
    numbers = (rows, n, parts, -(-n // parts), each, *lay.outer, *lay.inner)
    for o, i in zip(lay.outer_strides, lay.inner_strides):
        numbers += (*o, *i)
    return Launch(source, (groups, 1, 1), numbers)


def _filled(lay: Layout) -> Layout:
    """Outer dims filled up to four, inner ones above one as well, so that one kernel takes the layouts of small arrays."""
    outer = max(0, 4 - len(lay.outer))
    inner = max(0, 4 - len(lay.inner)) if len(lay.inner) > 1 else 0
    return Layout(
        (1,) * outer + lay.outer,
        (1,) * inner + lay.inner,
        tuple([(0,) * outer + s for s in lay.outer_strides]),
        tuple([(0,) * inner + s for s in lay.inner_strides]),
    )


def _width(n: int, target: Target) -> int:
    """Items of a group that are enough for a row."""
    width = 32
    while width < target.group and width * 4 < n:
        width *= 2
    return width


@lru_cache(2048)
def _source(program: RowProgram, outer: int, inner: int, classes: tuple[tuple[int, int], ...], way: str, width: int, group: int, split: bool, fits: bool) -> Source:  # fmt: skip
    writer = VectorWriter if way == "vectors" else Writer
    return writer(program, outer, inner, classes, way, width, group, split, fits).source()


def compile_row(engine: Engine, program: RowProgram, outer: Shape, inner: Shape) -> Callable[..., Any]:
    """The kernel of a row program over outer + inner dims: takes arrays, then scalars; returns new arrays."""
    n = program.n_args
    shapes = {"full": outer + inner, "row": outer, "col": inner, "scalar": ()}
    outs = tuple([(shapes[k], d) for k, d in zip(program.out_kinds, program.out_dtypes, strict=True)])
    out_strides = [dense_strides(s) for s, _ in outs]
    makers = [engine.maker(s, d) for s, d in outs]
    kinds = program.in_kinds + program.out_kinds
    calls: dict[tuple[Strides, ...], Any] = {}

    def kernel(*inputs: Any) -> Any:
        arrays: Sequence[Array] = inputs[:n]
        key = tuple([a.strides for a in arrays])
        call = calls.get(key)
        if call is None:
            lay = layout(kinds, outer, inner, [*key, *out_strides])
            call = calls[key] = engine.prepare(row_launch(program, lay, engine.target))
        made = [make() for make in makers]
        call((*arrays, *made), inputs[n:])
        return made[0] if len(made) == 1 else tuple(made)

    return kernel


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("row", specialize=True)
    def row(sig: Any, *, program: RowProgram, outer: Shape, inner: Shape) -> Any:
        return compile_row(engine, program, outer, inner)
