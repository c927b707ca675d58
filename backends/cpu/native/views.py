"""Map programs over views: broadcast operands and rows with gaps are read as they lie.

Dims are merged until three are left, or four (heads of attention), of which the last has stride 1 or 0 for every operand; then a map program is a
row program without reductions, whose operands are elements of the row, or one value for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ....core.contract import MapProgram, RowProgram, row_program
from .ir import Function, V
from .kernel import ArrayType, Code, Entry, assemble, make_kernel
from .maps import CHUNK, cost, grain_of, scalar_kinds
from .rows import LONG, Rows

__all__ = ["merge", "row_major_like", "view_kernel"]

SHORTEST = 4  # elements of a row that is worth its own loop
_texts: dict[Any, Code] = {}


def view_kernel(
    program: MapProgram,
    shape: tuple[int, ...],
    places: tuple[int | None, ...],
    strides: tuple[Any, ...],
    slow: Callable[..., Any],
) -> Callable[..., Any] | None:
    """A kernel for inputs of `shape` with these strides, or None."""
    views = strides[: program.n_args]
    if not _fits(program) or len(views) < program.n_args or any(v is None or len(v) != len(shape) for v in views):
        return None
    merged = merge(shape, list(views)) or merge(shape, list(views), 4)
    sizes = [d.itemsize for d in program.in_dtypes]
    if merged is None or any(s[-1] not in (0, size) for s, size in zip(merged[1], sizes, strict=True)):
        return None
    dims, steps = merged
    if any(step % size for s, size in zip(steps, sizes, strict=True) for step in s) or dims[-1] < SHORTEST:
        return None
    single = tuple(s[-1] == 0 for s in steps)
    parts = -(-dims[-1] // CHUNK)
    own = [prod(dims[:-1])] * 2 + [0, dims[-1], 1, 0, dims[-1], parts, *dims[1:-1]]
    for s, size in zip(steps, sizes, strict=True):
        own += [step // size for step in s[:-1]]
    overwritten = {j for j in places if j is not None}
    loose = frozenset(i for i, v in enumerate(views) if i not in overwritten and not row_major_like(shape, v, sizes[i]))
    key = (program, places, single, loose, dims[-1] >= LONG, len(dims) - 1)
    if key not in _texts:
        _texts[key] = _print(*key)
    length, tasks = min(dims[-1], CHUNK), own[0] * parts
    work = length * (cost(program.nodes) + 2 * program.n_args)
    return make_kernel(
        _texts[key], "map", [ArrayType(shape, d.numpy, v) for d, v in zip(program.in_dtypes, views, strict=True)],
        [ArrayType(shape, d.numpy) for d in program.out_dtypes], program.n_scalars, slow, tasks=tasks,
        grain=grain_of(tasks, length, work), release=tasks * work > 1 << 19, own=own,
    )  # fmt: skip


def _fits(program: MapProgram) -> bool:
    return not any(n.op in ("index", "random") for n in program.nodes) and set(scalar_kinds(program)) <= {"double"}


def row_major_like(shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> bool:
    """Whether elements of `size` bytes lie as in a row-major array; dims of 1 may have any stride."""
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and s != size:
            return False
        size *= n
    return True


def merge(
    shape: tuple[int, ...], views: list[tuple[int, ...]], rank: int = 3
) -> tuple[list[int], list[list[int]]] | None:
    """`rank` dims and each view's strides over them, by merging neighbours that every view steps through evenly."""
    dims: list[int] = []
    steps: list[list[int]] = [[] for _ in views]
    for i, n in enumerate(shape):
        if n == 1:
            continue
        if dims and all(s[-1] == v[i] * n for s, v in zip(steps, views, strict=True)):
            dims[-1] *= n
            for s, v in zip(steps, views, strict=True):
                s[-1] = v[i]
            continue
        dims.append(n)
        for s, v in zip(steps, views, strict=True):
            s.append(v[i])
    if len(dims) > rank or not dims:
        return None
    pad = rank - len(dims)
    return [1] * pad + dims, [[0] * pad + s for s in steps]


def _print(
    program: MapProgram,
    places: tuple[int | None, ...],
    single: tuple[bool, ...],
    loose: frozenset[int],
    long: bool,
    outer: int,
) -> Code:
    kinds = tuple("row" if s else "full" for s in single)
    outs = ("full",) * len(program.outputs)
    rows = row_program(program.outputs, program.in_dtypes, program.out_dtypes, program.n_scalars, kinds, outs)
    entry = Entry(program.n_args, scalar_kinds(program), places, ["rows"], loose)
    return assemble(entry, _Views(rows, loose, long, outer).rows())


class _Views(Rows):
    """Row r has an index in each of the `outer` dims, of which each input has its step; a long row is several tasks."""

    def __init__(self, program: RowProgram, loose: frozenset[int], long: bool, outer: int) -> None:
        super().__init__(program, "rows", False, False, long)
        self.outer, self.index = outer, list[V]()
        for i in loose:
            self.context.arrays[i].region = None  # NumPy vouches for what its strides reach

    def rows(self) -> Function:
        b = self.b
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
            start = task.i.rem(self.count) * CHUNK
            row = task.i.div(self.count)
            self._indices(row)
            self._start_row(row, b.min(self.length - start, CHUNK), start)
            self._outputs(list(range(len(self.p.outputs))), 1)
        return self._close()

    def _indices(self, row: V) -> None:
        self.index = []
        for d in reversed(range(self.outer - 1)):
            n = self.context.own(8 + d)
            self.index.insert(0, row.rem(n))
            row = row.div(n)
        self.index.insert(0, row)

    def base_of(self, k: int, row: V) -> V:
        if k >= self.p.n_args:
            return row * self.length
        first = 8 + self.outer - 1 + self.outer * k
        steps = [i * self.context.own(first + d) for d, i in enumerate(self.index)]
        return sum(steps[1:], steps[0])

    def is_quotient(self, n: Any) -> bool:
        return False  # to the bit what the program over contiguous arrays gives
