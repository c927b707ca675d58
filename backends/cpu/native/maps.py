"""Map programs: one loop over vectors; the last, partial vector goes through the same code on padded copies."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ....core.contract import Expr, MapProgram, f32
from .compiler import machine, vector_bytes
from .expression import Nodes, load_array, memory_type, splat_scalar, store_array, supported
from .fallback import Fallback
from .ir import Function, V, size_of, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .layout import usable
from .machine import cache_bytes
from .philox import philox_lanes

__all__ = ["map_kernel"]

_COSTS = {"exp": 12, "expm1": 14, "log": 14, "log1p": 20, "tanh": 18, "erf": 14, "sin": 20, "cos": 20, "tan": 30, "pow": 60, "div": 4,
          "sqrt": 4, "random": 20}  # fmt: skip
CHUNK_WORK = 16384  # simple operations in a chunk: a few microseconds
CHUNK = 65536  # elements in a chunk of a large array, so that a thread reads on where it has read
_texts: dict[Any, Code] = {}


def map_kernel(
    program: MapProgram,
    shape: tuple[int, ...],
    inplace: tuple[int | None, ...],
    slow: Callable[..., Any],
    plain: bool = False,
) -> Callable[..., Any]:
    """Machine code for a program over row-major arrays of `shape`; `slow` where there is none, and for other arrays.

    * `plain`: views that no kernel reads as they lie are copied by NumPy.
    """
    if not usable() or not supported(program) or not _random_is_whole(program):
        return slow
    places = tuple(inplace[k] if k < len(inplace) else None for k in range(len(program.outputs)))
    n = prod(shape)
    out_bytes = sum(d.itemsize for d, j in zip(program.out_dtypes, places, strict=True) if j is None) * n
    stream = streams(out_bytes, cost(program.nodes))
    long = n >= 1024 and cost(program.nodes) >= 12
    key = (program, places, stream, long)
    if key not in _texts:
        _texts[key] = _print(*key)
    work = cost(program.nodes) + 2 * (program.n_args + len(program.outputs))
    grain = grain_of(n, 1, work, 1024) // 64 * 64
    fallback = Fallback(slow, places)
    fallback.plain = plain
    fallback.native = make_kernel(
        _texts[key], "map", [ArrayType(shape, d.numpy) for d in program.in_dtypes],
        [ArrayType(shape, d.numpy) for d in program.out_dtypes], program.n_scalars, fallback, tasks=n, grain=grain, release=n * work > 1 << 19,
    )  # fmt: skip
    from .views import view_kernel

    fallback.strided = lambda strides: view_kernel(program, shape, places, strides, fallback.by_copies)
    return fallback.native


def grain_of(tasks: int, size: int, work: int, least: int = 1) -> int:
    """Tasks in a chunk, each of `size` elements and `work` operations: at least a few microseconds, at most 1/64 of a large array."""
    return max(least, CHUNK_WORK // work, min(tasks // 64, CHUNK // size))


def streams(out_bytes: int, work: int) -> bool:
    """Whether results go past the caches: they exceed their share, and no work (to an element) in between hides ordinary stores."""
    return 2 * out_bytes >= cache_bytes() and work < 12 and "x86_64" in machine()[2]


def cost(nodes: Any) -> int:
    """Rough number of instructions to an element."""
    return sum(_COSTS.get(n.op, 1) for n in nodes if n.args)


def _random_is_whole(program: MapProgram) -> bool:
    """Whether random nodes are keyed by scalars, as the vector form has it."""
    return all(a.op in ("scalar", "const") for n in program.nodes if n.op == "random" for a in n.args)


def scalar_kinds(program: MapProgram) -> list[str]:
    """How each runtime scalar is read: as a double, or as 64 bits."""
    kinds = ["double"] * program.n_scalars
    for n in program.nodes:
        if n.op == "scalar" and not program.types[n].is_float:
            kinds[n.value] = "i64"
        if n.op == "random":
            for a in n.args:
                if a.op == "scalar":
                    kinds[a.value] = "i64"
    return kinds


class MapNodes(Nodes):
    """The nodes of a map program, where the first lane is element `i`."""

    def __init__(self, b: Function, program: MapProgram, width: int, scalars: Scalars, i: V | None = None) -> None:
        super().__init__(b, program, width)
        self.i, self.scalars = i, scalars

    def _write(self, n: Expr, xs: list[V]) -> V:
        if n.op == "scalar":
            return self.scalars.value(n)
        if n.op == "index":
            assert self.i is not None
            lane = ", ".join(f"i64 {k}" for k in range(self.width))
            return self.i.splat(self.width) + V(self.b, vec("i64", self.width), f"<{lane}>")
        if n.op == "random":
            assert self.i is not None
            return philox_lanes(self.b, self.scalars.seed(n.args[0]), self.scalars.seed(n.args[1]), self.i, self.width)
        return super()._write(n, xs)


class Scalars:
    """Runtime scalars in all lanes, read once before the loop."""

    def __init__(self, context: Context, program: MapProgram, width: int) -> None:
        kinds, self._seeds, self._values = scalar_kinds(program), {}, {}
        for n in program.nodes:
            if n.op == "scalar":
                raw = context.scalar(n.value, kinds[n.value])
                seeds = any(m.op == "random" and n in m.args for m in program.nodes)
                if seeds:
                    self._seeds[n] = raw
                else:
                    self._values[n] = splat_scalar(context.b, raw, program.types[n], width)
        self._b = context.b

    def value(self, n: Expr) -> V:
        return self._values[n] if n in self._values else self._seeds[n]  # type: ignore[no-any-return]

    def seed(self, n: Expr) -> V:
        return self._b.const(n.value) if n.op == "const" else self._seeds[n]


def width_of(program: MapProgram, long: bool = False) -> int:
    """Lanes of the loop: two registers of f32, whose work overlaps, or four; a block of random words needs 32 lanes."""
    if any(n.op == "random" for n in program.nodes):
        return 32
    return four_registers(program) if long else vector_bytes() // 2


def four_registers(program: MapProgram) -> int:
    """Lanes of four registers of the widest type."""
    return (
        4 * vector_bytes() // max(size_of(memory_type(t.compute)) for t in (f32, *program.types.values()) if t.is_float)
    )


def _print(program: MapProgram, places: tuple[int | None, ...], stream: bool, long: bool) -> Code:
    entry = Entry(program.n_args, scalar_kinds(program), places, ["body"])
    over = (tuple(range(program.n_args)),) * len(places)
    return assemble(entry, _body(program, places, stream, long))._replace(over=over, each=True)


def _body(program: MapProgram, places: tuple[int | None, ...], stream: bool, long: bool) -> Function:
    b = task_function("body", internal=False)
    n_in, w = program.n_args, width_of(program, long)
    context = Context(b, n_in + len(places), program.n_scalars)
    dtypes = (*program.in_dtypes, *program.out_dtypes)
    sizes = [size_of(memory_type(d)) for d in dtypes]
    buffers = [b.stack("i8", w * size) for size in sizes]
    scalars = Scalars(context, program, w)
    lo, hi = b.arg("lo", "i64"), b.arg("hi", "i64")
    for array, size in zip(context.arrays, sizes, strict=True):
        b.guard(array, hi * size)
    whole = lo + ((hi - lo) & -w)
    loop, tail, prepare, finish, after, done = (
        b.label(x) for x in ("loop", "tail", "prepare", "finish", "after", "done")
    )
    before = b.block
    b.branch(lo.cmp("slt", whole), loop, tail)
    # the loop runs over the arrays up to `whole`, then once more over the buffers
    b.start(loop)
    i, end = V(b, "i64", "%i"), V(b, "i64", "%end")
    bases = [V(b, "ptr", f"%base{k}") for k in range(len(dtypes))]
    b.lines.append(None)
    head = len(b.lines) - 1
    nodes = MapNodes(b, program, w, scalars, i)
    for node in program.nodes:
        if node.op == "arg":
            k = node.value
            nodes.values[node] = load_array(b, b.at(bases[k], i * sizes[k]), dtypes[k], w)
    for k, out in enumerate(program.outputs):
        at = n_in + k
        store_array(
            b,
            nodes.value(out),
            b.at(bases[at], i * sizes[at]),
            dtypes[at],
            stream and places[k] is None and size_of(memory_type(dtypes[at])) == 4,
        )
    following = i + w
    latch = b.block
    b.branch(following.cmp("slt", end), loop, after)
    b.start(after)
    b.branch(following.cmp("sgt", hi), finish, tail)
    b.start(tail)
    rest = hi - whole
    b.branch(rest.cmp("sgt", 0), prepare, done)
    b.start(prepare)
    for k in range(n_in):  # the empty lanes hold zeros: some functions take another path where a lane is huge
        b.clear(buffers[k], w * sizes[k])
        b.copy(buffers[k], b.at(context.arrays[k], whole * sizes[k]), rest * sizes[k])
    moved = [b.at(buffers[k], (b.const(0) - whole) * sizes[k]) for k in range(len(dtypes))]
    limit = whole + w
    prepare = b.block
    b.jump(loop)
    phis = [f"  %i = phi i64 [ {lo.name}, %{before} ], [ {following.name}, %{latch} ], [ {whole.name}, %{prepare} ]",
            f"  %end = phi i64 [ {whole.name}, %{before} ], [ %end, %{latch} ], [ {limit.name}, %{prepare} ]"]  # fmt: skip
    for k, (array, other) in enumerate(zip(context.arrays, moved, strict=True)):
        phis.append(
            f"  %base{k} = phi ptr [ {array.name}, %{before} ], [ %base{k}, %{latch} ], [ {other.name}, %{prepare} ]"
        )
    b.lines[head] = "\n".join(phis)
    b.start(finish)
    left = hi - whole
    for k in range(len(places)):
        at = n_in + k
        b.copy(b.at(context.arrays[at], whole * sizes[at]), buffers[at], left * sizes[at])
    b.jump(done)
    b.start(done)
    if stream:
        b.declarations.add("declare void @llvm.x86.sse.sfence()")
        b.do("call void @llvm.x86.sse.sfence()")
    b.ret()
    return b
