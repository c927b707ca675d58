"""Row programs: for each row one pass per level of reductions, then one for the outputs; the row stays in cache between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from ....core.contract import Expr, RowProgram, f32, f64, row_program
from .compiler import vector_bytes
from .expression import Nodes, load_array, memory_type, splat_scalar, store_array, supported
from .fallback import Fallback
from .ir import Function, Loop, V, scalar_type, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import combine, first_lanes, fold, identity, load_part, store_part
from .layout import usable
from .maps import cost, four_registers, grain_of, streams

__all__ = ["LONG", "Rows", "row_kernel", "row_over_kernel", "row_sums_kernel"]

_REDUCTIONS = {"row_sum": "sum", "row_prod": "prod", "row_max": "max", "row_min": "min"}
_KEPT = {"exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "tan", "pow"}  # worth keeping between passes
_LONG = 1 << 14  # elements of a row that a thread's stack may hold
LONG = 128  # elements of a row that is read four registers at a time: their work overlaps
BLOCK = 64  # vectors summed in f32 before the sum goes into f64
CHUNKS = 64  # parts of the rows, where results are summed over rows
PIECE = 1 << 12  # elements of a row that no reduction runs over
SEGMENT = 1 << 14  # elements of a long row to a task
_texts: dict[Any, Code] = {}


class Layout(NamedTuple):
    """Where rows lie in full arrays: element i of piece p of row r at r * between + p * apart + i."""

    rows: int
    length: int  # of a piece
    pieces: int
    apart: int
    between: int


def row_kernel(
    program: RowProgram,
    outer: tuple[int, ...],
    inner: tuple[int, ...],
    numpy_kernel: Callable[..., Any],
    shapes: Any = None,
) -> Any:
    """Machine code for a row program, or `numpy_kernel` where there is none, or `NotImplemented` where parts serve better.

    * `shapes`: of the one argument and the one result, where they have other dims than outer and inner.
    """
    if not usable() or not _supported(program):
        return numpy_kernel
    rows, length = prod(outer), prod(inner)
    if rows == 1 and not _levels(program)[1] and "col" not in program.in_kinds and {*program.out_kinds} == {"full"}:
        program = _of_one_row(program)
        length = _piece(length)
        rows = prod(inner) // length
    full, row = shapes or (outer + inner, outer)
    segments = -(-length // SEGMENT) if _splits(program) and length > 2 * SEGMENT and rows < 64 else 1
    if segments == 1 and rows < 8 and length > 1 << 17:
        return NotImplemented  # few long rows: maps and reductions have more to share among threads
    by_kind = {"full": full, "row": row, "col": inner, "scalar": ()}
    return _make(program, Layout(rows, length, 1, 0, length), by_kind, segments, numpy_kernel)


def _of_one_row(p: RowProgram) -> RowProgram:
    """What is one per row is a scalar then."""
    kinds = tuple(["scalar" if k == "row" else k for k in p.in_kinds])
    return row_program(p.outputs, p.in_dtypes, p.out_dtypes, p.n_scalars, kinds, p.out_kinds)


def _piece(count: int) -> int:
    """The length of rows that any array of so many elements may be cut into, for all threads to share."""
    least = max(1, count // PIECE)
    return next((count // n for n in range(least, least + 256) if count % n == 0), count)


def row_over_kernel(program: RowProgram, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Machine code for a row program over `axes` of arrays as they lie: of the pattern (pieces, rows, length), as channels of images."""
    if not usable() or not _supported(program):
        return NotImplemented
    dims = [(i in axes, n) for i, n in enumerate(shape) if n != 1]
    groups = [(k, prod(n for _, n in g)) for k, g in groupby(dims, key=lambda d: d[0])]
    if [k for k, _ in groups] != [True, False, True]:
        return NotImplemented
    pieces, rows, length = (n for _, n in groups)
    if length < 8:
        return NotImplemented  # vectors would be mostly empty
    by_kind = {
        "full": shape,
        "row": tuple(n for i, n in enumerate(shape) if i not in axes),
        "col": tuple(shape[a] for a in axes),
        "scalar": (),
    }
    return _make(program, Layout(rows, length, pieces, rows * length, length), by_kind, 1, _no_numpy)


def _no_numpy(*_: Any) -> Any:
    raise TypeError("[row] takes arrays of the types that it was made for")


def _make(
    program: RowProgram, at: Layout, by_kind: dict[str, Any], segments: int, numpy_kernel: Callable[..., Any]
) -> Any:
    """`segments` > 1: of a long row; 0: results of kind "col" are summed over chunks of rows."""
    size = at.length * at.pieces
    out_bytes = sum(prod(by_kind[k]) * d.itemsize for k, d in zip(program.out_kinds, program.out_dtypes, strict=True))
    stream = at.length % 16 == 0 and streams(out_bytes, 0)  # of the last pass, which is light
    fallback = Fallback(numpy_kernel)
    work = size * (cost(program.nodes) + 2 * program.n_args)
    grain, tasks, scratch = grain_of(at.rows, size, work), at.rows, 0
    own = [at.rows, at.rows, *at, segments]
    if segments > 1:
        tasks = at.rows * segments
        grain, scratch = max(1, tasks // 64), tasks * len(_levels(program)[1]) * 8
    elif segments == 0:
        per = max(8, -(-at.rows // CHUNKS))
        grain, tasks = 1, -(-at.rows // per)
        scratch = tasks * program.out_kinds.count("col") * size * 8
        own = [size, 1024, *at, per, tasks]
    outputs = [ArrayType(by_kind[k], d.numpy) for k, d in zip(program.out_kinds, program.out_dtypes, strict=True)]

    def kernel(alike: frozenset[int], strides: tuple[Any, ...], slow: Callable[..., Any]) -> Any:
        """`alike`: full arguments whose elements are all one in memory, as in the gradient of a sum."""
        key = (program, size <= _LONG, stream, at.length >= LONG, min(segments, 2), alike)
        if key not in _texts:
            _texts[key] = _print(*key)
        inputs = [
            ArrayType(by_kind[k], d.numpy, strides[i] if i in alike else ())
            for i, (k, d) in enumerate(zip(program.in_kinds, program.in_dtypes, strict=True))
        ]
        return make_kernel(
            _texts[key], "row", inputs, outputs, program.n_scalars, slow, tasks=tasks, grain=grain, release=at.rows * work > 1 << 19,
            scratch=scratch, own=own,
        )  # fmt: skip

    def strided(strides: tuple[Any, ...]) -> Any:
        alike = frozenset(
            i for i, (k, s) in enumerate(zip(program.in_kinds, strides, strict=False))
            if k == "full" and s is not None and len(s) == len(by_kind["full"]) and not any(s)
        )  # fmt: skip
        return kernel(alike, strides, fallback.by_copies) if alike else None

    fallback.native, fallback.strided = kernel(frozenset(), (), fallback), strided
    return fallback.native


def row_sums_kernel(program: RowProgram, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
    """Machine code for a row program some of whose results, of kind "col", are summed over all rows; or `NotImplemented`.

    It returns a tuple, also of one.
    """
    if not usable() or not _supported(program, ("full", "row", "col")) or prod(inner) > _LONG:
        return NotImplemented
    by_kind = {"full": outer + inner, "row": outer, "col": inner, "scalar": ()}
    return _make(program, Layout(prod(outer), prod(inner), 1, 0, prod(inner)), by_kind, 0, _no_numpy)


def _supported(program: RowProgram, gives: tuple[str, ...] = ("full", "row")) -> bool:
    if not all(k in gives for k in program.out_kinds):
        return False
    if not all(d.is_float for d in (*program.in_dtypes, *program.out_dtypes)):
        return False
    if any(n.op in ("index", "random") for n in program.nodes):
        return False
    if any(
        k == "row" and program.kinds[o] in ("full", "col")
        for o, k in zip(program.outputs, program.out_kinds, strict=True)
    ):
        return False
    return supported(program, also=_REDUCTIONS)


def _levels(program: RowProgram) -> tuple[dict[Expr, int], list[Expr]]:
    """For each node how many reductions lie below one another in it, and the reductions in order."""
    level: dict[Expr, int] = {}
    reductions = []
    for n in program.nodes:
        level[n] = max([level[a] for a in n.args], default=0)
        if n.op in _REDUCTIONS:
            level[n] += 1
            reductions.append(n)
    return level, reductions


def _splits(program: RowProgram) -> bool:
    """Whether segments of a row can be reduced apart: one level, outputs per row."""
    level, reductions = _levels(program)
    return all(level[r] == 1 for r in reductions) and bool(reductions) and all(k == "row" for k in program.out_kinds)


def _print(program: RowProgram, kept: bool, stream: bool, long: bool, form: int, alike: frozenset[int]) -> Code:
    """Form 0 sums over rows, 1 is one row to a task, 2 splits rows into segments."""
    stages = (["chunks", "join"], ["rows"], ["segments", "combine"])[form]
    scalars, outs = ["double"] * program.n_scalars, [None] * len(program.outputs)
    entry = Entry(program.n_args, scalars, outs, stages, alike, packed=form == 0)
    functions = []
    for name in stages:
        whole = name in ("rows", "chunks")
        writer = Rows(program, name, kept and whole, stream and whole, long, alike)
        functions.append(getattr(writer, name)())
    return assemble(entry, *functions)._replace(over=_over(program, alike) if form == 1 else ())


def _over(program: RowProgram, alike: frozenset[int]) -> tuple[tuple[int, ...], ...]:
    """A single full result may take the memory of a full argument: a row is written in its last pass."""
    fulls = tuple([i for i, k in enumerate(program.in_kinds) if k == "full" and i not in alike])
    single = program.out_kinds.count("full") == 1
    return tuple([fulls if single and k == "full" else () for k in program.out_kinds])


class Rows:
    """Writes the task function of a row program."""

    def __init__(
        self, program: RowProgram, name: str, kept: bool, stream: bool, long: bool, alike: frozenset[int] = frozenset()
    ) -> None:
        self.alike = alike
        self.p, self.kept, self.stream = program, kept, stream
        self.level, self.reductions = _levels(program)
        self.sums: dict[int, V] = {}  # outputs that are summed over rows, and where
        self.b = b = task_function(name)
        work = cost(program.nodes)
        lanes = vector_bytes() // 4
        self.width = four_registers(program) if long else lanes * (1 if work > 24 else 2 if work > 6 else 4)
        self.n_arrays = program.n_args + len(program.outputs)
        self.context = Context(b, self.n_arrays, program.n_scalars)
        self.length, self.pieces, self.apart, self.between, self.count = (self.context.own(i) for i in range(3, 8))
        self.dtypes = (*program.in_dtypes, *program.out_dtypes)
        self.sizes = [size_of(memory_type(d)) for d in self.dtypes]
        self.buffers = [b.stack("i8", self.width * 8) for _ in self.dtypes]
        self.store = self._plan_store() if kept else {}
        self.room = {n: b.stack("i8", (_LONG + 64) * size_of(self._type(n))) for n in self.store}
        self.scalars = {
            n: splat_scalar(b, self.context.scalar(n.value, "double"), program.types[n], 1)
            for n in program.nodes if n.op == "scalar"
        }  # fmt: skip

    def _type(self, n: Expr) -> str:
        return memory_type(self.p.types[n].compute)

    def _is_row(self, n: Expr) -> bool:
        return self.p.kinds[n] in ("row", "scalar")

    def _plan_store(self) -> dict[Expr, int]:
        """Costly full nodes that two passes need: node to the pass that makes it."""
        last = max(self.level.values()) + 1
        needed: dict[Expr, set[int]] = {}
        for p in range(1, last + 1):
            seen: set[Expr] = set()
            stack = [r.args[0] for r in self.reductions if self.level[r] == p]
            if p == last:
                stack = [o for o, k in zip(self.p.outputs, self.p.out_kinds, strict=True) if k == "full"]
            while stack:
                n = stack.pop()
                if n in seen or self._is_row(n):
                    continue
                seen.add(n)
                needed.setdefault(n, set()).add(p)
                if not (n.op in _KEPT and min(needed[n]) < p):  # a kept node needs its operands once
                    stack.extend(n.args)
        return {n: min(ps) for n, ps in needed.items() if n.op in _KEPT and len(ps) > 1}

    # ----- one row

    def rows(self) -> Function:
        b = self.b
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
            self._row(loop.i)
        return self._close()

    def _row(self, row: V) -> None:
        self._start_row(row, self.length)
        last = max(self.level.values()) + 1
        for p in range(1, last):
            self._reduce([r for r in self.reductions if self.level[r] == p], p)
        fulls = [k for k, kind in enumerate(self.p.out_kinds) if kind != "row"]
        if fulls:
            self._outputs(fulls, last)
        self._row_outputs()

    def _close(self) -> Function:
        b = self.b
        if self.stream:
            b.declarations.add("declare void @llvm.x86.sse.sfence()")
            b.do("call void @llvm.x86.sse.sfence()")
        b.ret()
        return b

    def _start_row(self, row: V, length: V, start: Any = 0) -> None:
        """Pointers of this row (from element `start`), and its values per row."""
        b = self.b
        self.row, self.n = row, length
        kinds = (*self.p.in_kinds, *self.p.out_kinds)
        self.pointers = []
        for k, (kind, size) in enumerate(zip(kinds, self.sizes, strict=True)):
            base = self.context.arrays[k]
            if kind in ("full", "row"):
                base = b.at(base, (self.base_of(k, row) + (start if kind == "full" else 0)) * size)
            elif kind == "col":
                base = b.at(base, b.value(start, "i64") * size)
            self.pointers.append(base)
        self.single = _Single(b, self.p, self.scalars)
        for n in self.p.nodes:
            if n.op == "arg" and self._is_row(n):
                self.single.values[n] = load_array(b, self.pointers[n.value], self.dtypes[n.value], 1)

    def base_of(self, k: int, row: V) -> V:
        """The first element of a row of array k."""
        kind = (*self.p.in_kinds, *self.p.out_kinds)[k]
        return row * self.between if kind == "full" else row

    @contextmanager
    def _piece(self, *carried: V) -> Iterator[Loop]:
        """Over the pieces of the row: the pointers move along."""
        b, pointers = self.b, self.pointers
        kinds = (*self.p.in_kinds, *self.p.out_kinds)
        with b.loop(0, self.pieces, 1, *carried) as loop:
            self.offset = loop.i * self.length
            moves = {"full": loop.i * self.apart, "col": self.offset}
            self.pointers = [
                b.at(p, moves[k] * size) if k in moves else p
                for p, k, size in zip(pointers, kinds, self.sizes, strict=True)
            ]
            yield loop
        self.pointers = pointers

    def _pass(
        self, p: int, outer: dict[Expr, V], length: V, use: Callable[[_Full, V, Any], list[V]], carried: list[V]
    ) -> list[V]:
        """Run over the row in vectors; the last, partial one is masked. `use(nodes, offset, mask)` gives the carried values."""
        b, w = self.b, self.width
        whole = length & -w
        with b.loop(0, whole, w, *carried) as loop:
            loop.next(*use(_Full(self, p, outer, loop.i, None, None, loop.values), loop.i, None))
        rest = length - whole

        def tail() -> list[V]:
            mask = first_lanes(b, rest, w)
            return use(_Full(self, p, outer, whole, mask, rest, loop.out), whole, mask)

        yes, after = b.label("tail"), b.label("after")
        before = b.block
        b.branch(rest.cmp("sgt", 0), yes, after)
        b.start(yes)
        ended = tail()
        last = b.block
        b.jump(after)
        b.start(after)
        return [
            b.emit(f"phi {x.type} [ {x.name}, %{before} ], [ {y.name}, %{last} ]", x.type)
            for x, y in zip(loop.out, ended, strict=True)
        ]

    def is_quotient(self, n: Expr) -> bool:
        """x / r with r per row: x times the reciprocal of r."""
        return n.op == "div" and self._is_row(n.args[1]) and n.args[1].op != "const"

    def _row_values(self, targets: list[Expr]) -> dict[Expr, V]:
        """Per-row nodes that the full nodes below `targets` read (reciprocals under the quotient), in all lanes, before the loop."""
        found: dict[Expr, V] = {}
        seen: set[Expr] = set()
        stack = list(targets)
        while stack:
            n = stack.pop()
            if n in seen or n.op == "const":
                continue
            seen.add(n)
            if self._is_row(n):
                found[n] = self.single.value(n).splat(self.width)
            elif self.is_quotient(n):
                found[n] = (1.0 / self.single.value(n.args[1])).splat(self.width)
                stack.append(n.args[0])
            elif not (n in self.store and self.store[n] < self._current):
                stack.extend(n.args)
        return found

    def _reduce(self, reductions: list[Expr], p: int) -> None:
        """One pass: all reductions of a level, summed in blocks."""
        for r, total in zip(reductions, self._totals(reductions, p), strict=True):
            self.single.values[r] = self._narrow(r, total)

    def _narrow(self, r: Expr, total: V) -> V:
        t = self._type(r)
        return total if total.type == t else self.b.convert("fptrunc", total, t)

    def _totals(self, reductions: list[Expr], p: int) -> list[V]:
        """The value of each reduction over the current row: sums in f64."""
        b, w = self.b, self.width
        self._current = p
        kinds = [_REDUCTIONS[r.op] for r in reductions]
        block = BLOCK * w
        starts = [
            identity(b, k, "double" if k == "sum" else self._type(r)) for k, r in zip(kinds, reductions, strict=True)
        ]
        outer, length = self._row_values([r.args[0] for r in reductions]), self.n
        with self._piece(*starts) as piece:
            with b.loop(0, length, block, *piece.values) as loop:
                self.start = loop.i
                sums = self._sums(reductions, p, outer, b.min(length - loop.i, block))
                following = []
                for k, total, x in zip(kinds, loop.values, sums, strict=True):
                    one = fold(b, k, x)
                    if k == "sum" and one.type != "double":
                        one = b.convert("fpext", one, "double")
                    following.append(combine(b, k, total, one))
                loop.next(*following)
            piece.next(*loop.out)
        return piece.out

    def _sums(self, reductions: list[Expr], p: int, outer: dict[Expr, V], length: V) -> list[V]:
        """Each reduction of one block, still in lanes."""
        b = self.b
        kinds = [_REDUCTIONS[r.op] for r in reductions]
        zeros = [identity(b, k, vec(self._type(r), self.width)) for k, r in zip(kinds, reductions, strict=True)]

        def use(nodes: _Full, _: V, mask: V | None) -> list[V]:
            out = []
            for r, k, acc in zip(reductions, kinds, nodes.carried, strict=True):
                x = nodes.value(r.args[0])
                if mask is not None:
                    x = b.select(mask, x, identity(b, k, x.type))
                out.append(combine(b, k, acc, x))
            nodes.keep()
            return out

        return self._pass(p, outer, length, use, zeros)

    def _outputs(self, which: list[int], p: int) -> None:
        b = self.b
        self._current, self.start = p, b.const(0)

        def use(nodes: _Full, i: V, mask: V | None) -> list[V]:
            if self.kept and mask is None and p > 1:
                self._fetch_next(i)
            for k in which:
                at = self.p.n_args + k
                x = nodes.value(self.p.outputs[k])
                if k in self.sums:
                    self._add_up(self.sums[k], i, x, mask, nodes.rest)
                    continue
                place = b.at(self.pointers[at], i * self.sizes[at])
                if mask is None:
                    store_array(b, x, place, self.dtypes[at], self.stream and self.sizes[at] == 4)
                else:
                    assert nodes.rest is not None
                    store_part(b, x, place, self.dtypes[at], mask, nodes.rest, self.buffers[at])
            return []

        outer = self._row_values([self.p.outputs[k] for k in which])
        with self._piece():
            self._pass(p, outer, self.n, use, [])

    def _fetch_next(self, i: V) -> None:
        """The next row's elements, while this one's come from the nearest cache: by itself the hardware starts with a row's first pass."""
        b = self.b
        for k, kind in enumerate(self.p.in_kinds):
            if kind == "full" and k not in self.alike:
                line = b.at(self.pointers[k], (self.between + i) * self.sizes[k])
                for offset in range(0, self.width * self.sizes[k], 64):
                    b.prefetch(b.at(line, offset))

    # ----- results summed over rows

    def chunks(self) -> Function:
        """Task t takes the rows of chunk t; what is summed over rows goes to its part of the scratch block."""
        b = self.b
        cols = [k for k, kind in enumerate(self.p.out_kinds) if kind == "col"]
        rows = self.context.own(2)
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
            part = b.at(self.context.scratch(), task.i * (len(cols) * 8) * self.length)
            b.clear(part, self.length * (len(cols) * 8))
            self.sums = {k: b.at(part, self.length * (j * 8)) for j, k in enumerate(cols)}
            first = task.i * self.count
            with b.loop(first, b.min(first + self.count, rows)) as row:
                self._row(row.i)
        return self._close()

    def _add_up(self, place: V, i: V, x: V, mask: V | None, rest: V | None) -> None:
        b, one = self.b, scalar_type(x.type)
        place = b.at(place, i, one)
        dtype = f64 if one == "double" else f32
        if mask is None:
            b.store(b.load(place, x.type) + x, place)
            return
        assert rest is not None
        buffer = self.buffers[0]
        store_part(b, load_part(b, place, dtype, mask, rest, buffer) + x, place, dtype, mask, rest, buffer)

    def join(self) -> Function:
        """Task t adds up column t of all chunks, in order."""
        b = self.b
        cols = [k for k, kind in enumerate(self.p.out_kinds) if kind == "col"]
        chunks = self.context.own(8)
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as col:
            for j, k in enumerate(cols):
                one, at = self._type(self.p.outputs[k]), self.p.n_args + k
                with b.loop(0, chunks, 1, b.const(0.0, "double")) as part:
                    place = b.at(self.context.scratch(), (part.i * len(cols) + j) * 8 * self.length)
                    x = b.load(b.at(place, col.i, one), one)
                    part.next(part.values[0] + (b.convert("fpext", x, "double") if one == "float" else x))
                total = part.out[0]
                total = b.convert("fptrunc", total, "float") if one == "float" else total
                store_array(b, total, b.at(self.context.arrays[at], col.i * self.sizes[at]), self.dtypes[at])
        b.ret()
        return b

    def _row_outputs(self) -> None:
        for k, (o, kind) in enumerate(zip(self.p.outputs, self.p.out_kinds, strict=True)):
            if kind == "row":
                at = self.p.n_args + k
                store_array(self.b, self.single.value(o), self.pointers[at], self.dtypes[at])

    # ----- a long row in segments

    def segments(self) -> Function:
        """Task t reduces segment t mod segments of row t div segments into the scratch block."""
        b = self.b
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
            row, segment = loop.i.div(self.count), loop.i.rem(self.count)
            start = segment * SEGMENT
            self._start_row(row, b.min(self.length - start, SEGMENT), start)
            place = b.at(self.context.scratch(), loop.i * len(self.reductions), "i64")
            for j, total in enumerate(self._totals(self.reductions, 1)):
                b.store(total, b.at(place, j, "i64"), 8)
        b.ret()
        return b

    def combine(self) -> Function:
        """Task t adds up the segments of row t, in order, and makes its outputs."""
        b, n = self.b, len(self.reductions)
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as loop:
            self._start_row(loop.i, self.length)
            kinds = [_REDUCTIONS[r.op] for r in self.reductions]
            types = ["double" if k == "sum" else self._type(r) for k, r in zip(kinds, self.reductions, strict=True)]
            first = loop.i * self.count
            with b.loop(
                first, first + self.count, 1, *[identity(b, k, t) for k, t in zip(kinds, types, strict=True)]
            ) as parts:
                place = b.at(self.context.scratch(), parts.i * n, "i64")
                found = [b.load(b.at(place, j, "i64"), t, 8) for j, t in enumerate(types)]
                parts.next(*[combine(b, k, a, x) for k, a, x in zip(kinds, parts.values, found, strict=True)])
            for r, total in zip(self.reductions, parts.out, strict=True):
                self.single.values[r] = self._narrow(r, total)
            self._row_outputs()
        b.ret()
        return b


class _Single(Nodes):
    """Nodes with one value per row."""

    def __init__(self, b: Function, program: RowProgram, scalars: dict[Expr, V]) -> None:
        super().__init__(b, program, 1)
        self.values.update(scalars)


class _Full(Nodes):
    """Nodes of the elements of one vector of a row."""

    def __init__(
        self, rows: Rows, p: int, outer: dict[Expr, V], i: V, mask: V | None, rest: V | None, carried: list[V]
    ) -> None:
        super().__init__(rows.b, rows.p, rows.width)
        self.rows, self.p, self.mask, self.rest, self.carried = rows, p, mask, rest, carried
        self.i = rows.start + i  # in the piece
        self.kept_at = rows.offset + self.i  # in the row
        self.inverse = {n: v for n, v in outer.items() if rows.is_quotient(n) and not rows._is_row(n)}
        self.values.update({n: v for n, v in outer.items() if n not in self.inverse})

    def value(self, n: Expr) -> V:
        if n in self.inverse and n not in self.values:
            self.values[n] = self.value(n.args[0]) * self.inverse[n]
        made = self.rows.store.get(n)
        if made is not None and made < self.p and n not in self.values:
            t = self.rows._type(n)
            self.values[n] = self.b.load(self.b.at(self.rows.room[n], self.kept_at, t), vec(t, self.width))
        return super().value(n)

    def keep(self) -> None:
        """Store what a later pass reads again."""
        for n, p in self.rows.store.items():
            if p == self.p and n in self.values:
                self.b.store(self.values[n], self.b.at(self.rows.room[n], self.kept_at, self.rows._type(n)))

    def _write(self, n: Expr, xs: list[V]) -> V:
        if n.op != "arg":
            return super()._write(n, xs)
        rows, k = self.rows, n.value
        if k in rows.alike:
            return load_array(self.b, rows.context.arrays[k], rows.dtypes[k], 1).splat(self.width)
        place = self.b.at(rows.pointers[k], self.i * rows.sizes[k])
        if self.mask is None:
            return load_array(self.b, place, rows.dtypes[k], self.width)
        assert self.rest is not None
        return load_part(self.b, place, rows.dtypes[k], self.mask, self.rest, rows.buffers[k])
