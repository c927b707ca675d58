"""Small matrix products, where a call of BLAS costs more than its work: tiles of C straight from A and B, no packing.

A is read through two strides, so a transposed one is free; B lies in rows (a weight that lies in columns is turned first).
The bias is added in the tile. Larger products are packed first (`packed`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from ....core.contract import f32
from .alias import row_major
from .fallback import Fallback
from .ir import CHECKED, Function, V, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import first_lanes, masked_load, masked_store
from .layout import usable
from .packed import layout_of
from .tile import columns, rows, wide

__all__ = ["SKINNY", "small_linear", "small_linear_backward", "small_matmul"]

MOST = 1 << 19  # multiply-adds of a product that is small
UNROLL = 2  # more costs compile time and gains nothing at these sizes
TURNED = 1 << 13  # elements of a weight that is turned in every call
SKINNY = 16  # results of a linear layer: below that packing does not pay, and the threads of BLAS would go on spinning
# on the cores that the next kernels need
HELD = 1 << 20  # elements of x that are read once for every few results
STRIPS, COLUMNS = 8, 256  # of a block of C
_texts: dict[Any, Code] = {}


def _small(types: Any, m: int, n: int, k: int) -> bool:
    return usable() and all(t.dtype is f32 for t in types) and 0 < m * n * k <= MOST


def _skinny(types: Any, m: int, n: int, k: int) -> bool:
    """Whether x of (m, k) goes to few results, of more work than a small product; BLAS is faster where x leaves the caches."""
    return (
        usable() and all(t.dtype is f32 for t in types) and m >= SKINNY > n > 0 and m * n * k > MOST and m * k <= HELD
    )


def _form(n: int) -> tuple[bool, int]:
    """How n columns fall into tiles: whether some are whole, and the vectors that the last, partial one touches."""
    return n >= columns(), -(-(n % columns()) // wide())


def _function(height: int, masked: bool, vectors: int) -> Function:
    """cell(a, stride of rows, of columns, b, stride, k, c, stride, bias or null, cols): a tile of `height` rows."""
    w, name = wide(), f"cell{height}{'m' if masked else ''}"
    t = vec("float", w)
    b = Function(
        f"internal void @{name}(ptr %a, i64 %ra, i64 %ka, ptr %b, i64 %rb, i64 %k, ptr %c, i64 %rc, ptr %bias, i64 %cols)",
        "noinline",
    )
    a, ra, ka, panel, rb = b.arg("a"), b.arg("ra", "i64"), b.arg("ka", "i64"), b.arg("b"), b.arg("rb", "i64")
    k, cols = b.arg("k", "i64"), b.arg("cols", "i64")
    lines = [a]
    for _ in range(height - 1):
        lines.append(b.at(lines[-1], ra))
    mask = first_lanes(b, cols - (vectors - 1) * w, w) if masked else None  # of the last vector

    def load(p: V, v: int) -> V:
        p = b.at(p, v * w * 4)
        if mask is None or v < vectors - 1:
            return b.load(p, t)
        return masked_load(b, p, t, mask)

    def steps(values: list[V], count: int) -> list[V]:
        offset, here, *sums = values
        for _ in range(count):
            row = [load(here, v) for v in range(vectors)]
            for i, line in enumerate(lines):
                x = b.load(b.at(line, offset), "float").splat(w)
                for v in range(vectors):
                    sums[vectors * i + v] = b.fma(x, row[v], sums[vectors * i + v])
            offset, here = offset + ka, b.at(here, rb)
        return [offset, here, *sums]

    whole = k & -UNROLL
    with b.loop(0, whole, UNROLL, b.const(0), panel, *[b.const(0.0, t)] * (vectors * height)) as loop:
        loop.next(*steps(loop.values, UNROLL))
    with b.loop(whole, k, 1, *loop.out) as rest:
        rest.next(*steps(rest.values, 1))
    bias = b.arg("bias")
    added = [
        b.either(bias.cmp("ne", 0), lambda v=v: load(bias, v), lambda: b.const(0.0, t))  # type: ignore[misc]
        for v in range(vectors)
    ]
    place = b.arg("c")
    for i in range(height):
        for v in range(vectors):
            x, p = rest.out[2 + vectors * i + v] + added[v], b.at(place, v * w * 4)
            if mask is not None and v == vectors - 1:
                masked_store(b, x, p, mask)
            else:
                b.store(x, p)
        place = b.at(place, b.arg("rc", "i64"))
    b.ret()
    return b


def _cells(rests: set[int], form: tuple[bool, int]) -> list[Function]:
    heights, (whole, partial) = sorted({rows(), *rests} - {0}), form
    full = [_function(h, False, 2) for h in heights] if whole else []
    return full + ([_function(h, True, partial) for h in heights] if partial else [])


class _Tiles(NamedTuple):
    """C = A B + bias by tiles: A through two strides, B in rows `rb` apart, all in bytes; C in rows of `n`.

    `rest`: rows in the last strip; `form` of n.
    """

    a: V
    ra: V
    ka: V
    b: V
    rb: V
    k: V
    c: V
    m: V
    n: V
    rest: int
    form: tuple[bool, int]
    bias: V


def _product(b: Function, x: _Tiles) -> None:
    """All of C."""
    _block(b, x, b.const(0), x.m, b.const(0), x.n)


def _tasks(m: int, n: int) -> int:
    """Blocks of C."""
    return -(-m // (rows() * STRIPS)) * -(-n // COLUMNS)


def _by_blocks(b: Function, x: _Tiles) -> None:
    """Tasks lo to hi: block t mod across of columns, of block t div across of rows."""
    across, tall = (x.n + (COLUMNS - 1)).div(COLUMNS), rows() * STRIPS
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        row, col = task.i.div(across) * tall, task.i.rem(across) * COLUMNS
        _block(b, x, row, b.min(row + tall, x.m), col, b.min(col + COLUMNS, x.n))


def _block(b: Function, x: _Tiles, row: V, last: V, col: V, end: V) -> None:
    """Some rows and columns of C: whole strips but in the last block of rows, whole tiles but in the last of columns."""
    height, width = rows(), columns()
    strips = (last - row).div(height) * height + row
    whole = col + ((end - col) & -width)

    def strip(i: V, h: int) -> None:
        if x.form[0]:
            with b.loop(col, whole, width) as at:
                _cell(b, x, f"cell{h}", i, at.i)
        if x.form[1]:
            with b.when(whole.cmp("slt", end)):
                _cell(b, x, f"cell{h}m", i, whole)

    with b.loop(row, strips, height) as i:
        strip(i.i, height)
    if x.rest:
        with b.when(strips.cmp("slt", last)):
            strip(strips, x.rest)


def _cell(b: Function, x: _Tiles, name: str, row: V, col: V) -> None:
    line, panel, out = b.at(x.a, row * x.ra), b.at(x.b, col, "float"), b.at(x.c, row * x.n + col, "float")
    given = b.select(x.bias.cmp("ne", 0), b.at(x.bias, col, "float"), b.const(0, "ptr"))
    if CHECKED:
        reach, height = x.n - col if name[-1] == "m" else b.const(columns()), int(name[4:].rstrip("m"))
        b.guard(line, x.ra * (height - 1) + x.ka * (x.k - 1) + 4)
        b.guard(panel, x.rb * (x.k - 1) + reach * 4)
        b.guard(out, x.n * (4 * (height - 1)) + b.min(reach, columns()) * 4)
    b.call(f"@{name}", "void", line, x.ra, x.ka, panel, x.rb, x.k, out, x.n * 4, given, x.n - col)


# ----- linear: x (m, k), weight (n, k), bias (n) or none

_M, _N, _K = 2, 3, 4


def small_linear(sig: Any, slow: Callable[..., Any]) -> Any:
    """`linear` by machine code for small products, or `slow`."""
    x, weight = sig.inputs[:2]
    n, k = weight.shape
    m = x.numel // k
    skinny = _skinny((*sig.inputs, *sig.outputs), m, n, k)
    if not skinny and (not _small((*sig.inputs, *sig.outputs), m, n, k) or n * k > TURNED):
        return slow
    biased = len(sig.inputs) == 3
    key = ("linear", m % rows(), _form(n), biased)
    if key not in _texts:
        entry = Entry(2 + biased, [], [None], ["turn", "multiply"])
        _texts[key] = assemble(entry, *_cells({key[1]}, key[2]), _turn(biased), _multiply(*key[1:]))
    tasks = _tasks(m, n)
    return _kernel(
        key, "linear", sig, slow, tasks=n, grain=n, scratch=n * k * 4, own=[tasks, _per(tasks, m * n * k), m, n, k],
        release=m * n * k > MOST,
    )  # fmt: skip


def _per(tasks: int, work: int) -> int:
    """Tasks in a chunk: about 128k multiply-adds, twice what it costs to wake a thread."""
    return max(1, (1 << 17) * tasks // work)


def _kernel(key: Any, name: str, sig: Any, slow: Any, **slots: Any) -> Any:
    fallback = Fallback(slow)
    fallback.native = make_kernel(
        _texts[key], name, [ArrayType(t.shape, t.dtype.numpy) for t in sig.inputs],
        [ArrayType(t.shape, t.dtype.numpy) for t in sig.outputs], 0, fallback, **slots,
    )  # fmt: skip
    return fallback.native


def _turn(biased: bool) -> Function:
    """Task t: row t of the weight becomes column t of the scratch block."""
    b = task_function("turn")
    context = Context(b, 3 + biased, 0)
    n, k = context.own(_N), context.own(_K)
    lo, hi, w = b.arg("lo", "i64"), b.arg("hi", "i64"), wide()
    blocks, across = lo + ((hi - lo) & -w), k & -w
    with b.loop(lo, blocks, w) as row, b.loop(0, across, w) as col:
        source = b.at(b.at(context.arrays[1], row.i * k, "float"), col.i, "float")
        to = b.at(b.at(context.scratch(), col.i * n, "float"), row.i, "float")
        for i, line in enumerate(_turned([b.load(b.at(source, k * i, "float"), vec("float", w), 4) for i in range(w)])):
            b.store(line, b.at(to, n * i, "float"), 4)
    for first, last, start in ((lo, blocks, across), (blocks, hi, b.const(0))):
        with b.loop(first, last) as row:
            source, to = b.at(context.arrays[1], row.i * k, "float"), b.at(context.scratch(), row.i, "float")
            with b.loop(start, k) as j:
                b.store(b.load(b.at(source, j.i, "float"), "float"), b.at(to, j.i * n, "float"))
    b.ret()
    return b


def _turned(lines: list[V]) -> list[V]:
    """The columns of a square of as many vectors as a vector has lanes: halves change places, of 1, 2, 4, ... lanes."""
    b, w, step = lines[0].b, len(lines), 1
    while step < w:
        upper = [l if not l & step else w + l - step for l in range(w)]
        lower = [l + step if not l & step else w + l for l in range(w)]
        for i in range(w):
            if not i & step:
                x, y = lines[i], lines[i + step]
                lines[i], lines[i + step] = b.shuffle(x, y, upper), b.shuffle(x, y, lower)
        step *= 2
    return lines


def _multiply(rest: int, form: tuple[bool, int], biased: bool) -> Function:
    b = task_function("multiply")
    context = Context(b, 3 + biased, 0)
    m, n, k = (context.own(i) for i in (_M, _N, _K))
    bias = context.arrays[2] if biased else b.const(0, "ptr")
    a, c, four = context.arrays[0], context.arrays[2 + biased], b.const(4)
    _by_blocks(b, _Tiles(a, k * 4, four, context.scratch(), n * 4, k, c, m, n, rest, form, bias))
    b.ret()
    return b


def small_linear_backward(sig: Any, needs: tuple[bool, ...], slow: Callable[..., Any]) -> Any:
    """`linear.backward` by machine code for small products, or `slow`: dx = g W, dW = g^T x, db = the sum of g over rows."""
    _, x, weight = sig.inputs
    n, k = weight.shape
    m = x.numel // k
    types = (*sig.inputs, *sig.outputs)
    if not _small(types, m, n, k) and not _skinny(types, m, n, k):
        return slow
    need = (*needs, False)[:3]
    key = ("backward", need, m % rows() if need[0] else 0, n % rows() if need[1] else 0, _form(k))
    if key not in _texts:
        _texts[key] = _print_backward(*key[1:])
    work, counts = m * n * k, (_tasks(m, k), _tasks(n, k), 1)
    stages = [(t, _per(t, work)) for i, t in enumerate(counts) if need[i]]
    own = [x for stage in stages[1:] for x in stage]
    (tasks, grain), release = stages[0], work > MOST
    return _kernel(key, "linear_backward", sig, slow, tasks=tasks, grain=grain, own=[*own, m, n, k], release=release)


def _print_backward(need: tuple[bool, ...], rest_m: int, rest_n: int, form: tuple[bool, int]) -> Code:
    outs = [i for i in range(3) if need[i]]
    names = ["dx", "dw", "db"]
    entry = Entry(3, [], [None] * len(outs), [names[i] for i in outs], packed=True)
    first = 2 * len(outs) - 2
    functions = []
    for at, i in enumerate(outs):
        b = task_function(names[i])
        context = Context(b, 3 + len(outs), 0)
        m, n, k = (context.own(first + j) for j in range(3))
        (g, x, weight), out = context.arrays[:3], context.arrays[3 + at]
        none = b.const(0, "ptr")
        if i == 0:
            _by_blocks(b, _Tiles(g, n * 4, b.const(4), weight, k * 4, n, out, m, k, rest_m, form, none))
        elif i == 1:
            _by_blocks(b, _Tiles(g, b.const(4), n * 4, x, k * 4, m, out, n, k, rest_n, form, none))
        else:
            _column_sums(b, g, out, m, n)
        b.ret()
        functions.append(b)
    return assemble(entry, *(_cells({rest_m, rest_n}, form) if any(need[:2]) else []), *functions)


def _column_sums(b: Function, g: V, out: V, m: V, n: V) -> None:
    """Down each column in f64, a vector of columns at a time."""
    w = wide()
    t, d = vec("float", w), vec("double", w)
    with b.loop(0, n, w) as col:
        mask = first_lanes(b, n - col.i, w)
        with b.loop(0, m, 1, b.const(0.0, d)) as row:
            p = b.at(g, row.i * n + col.i, "float")
            x = masked_load(b, p, t, mask)
            row.next(row.values[0] + b.convert("fpext", x, d))
        total = b.convert("fptrunc", row.out[0], t)
        masked_store(b, total, b.at(out, col.i, "float"), mask)


# ----- matmul: a (*batch, m, k), b (*batch, k, n)


def small_matmul(sig: Any, slow: Callable[..., Any], packed: Any = None) -> Any:
    """`matmul` by machine code for batches of small products, of which B lies in rows, or `slow`.

    * `packed`: makes the kernel that takes views (given strides) with B in columns, where all products together are large.
    """
    a, right = sig.inputs
    (m, k), n, batch = a.shape[-2:], right.shape[-1], prod(a.shape[:-2])
    if not _small((*sig.inputs, *sig.outputs), m, n, k) or not batch:
        return slow
    fallback = Fallback(slow)

    def kernel(strides: tuple[Any, ...], views: bool) -> Any:
        if any(s is None or len(s) != a.rank for s in strides):
            return None
        layout = layout_of(a.shape[:-2], strides[0], strides[1], 4)
        if layout is None or layout.b.turned:
            large = packed is not None and batch * m * n * k > 8 * MOST
            return packed(strides) if large else None
        key = ("matmul", m % rows(), _form(n), views)
        if key not in _texts:
            entry = Entry(2, [], [None], ["multiply"], (0, 1) if views else ())
            _texts[key] = assemble(entry, *_cells({key[1]}, key[2]), _batched(*key[1:]))
        steps = (layout.a.lead, 1) if layout.a.turned else (1, layout.a.lead)
        inputs = [ArrayType(t.shape, t.dtype.numpy, s) for t, s in zip(sig.inputs, strides, strict=True)]
        work = batch * m * n * k
        return make_kernel(
            _texts[key], "matmul", inputs, [ArrayType(t.shape, t.dtype.numpy) for t in sig.outputs], 0,
            fallback.by_copies if views else fallback, tasks=batch, grain=_per(batch, work), release=work > 8 * MOST,
            own=[0, 0, m, n, k, *steps, layout.b.lead, layout.inner, *layout.a[2:], *layout.b[2:]],
        )  # fmt: skip

    fallback.native = kernel(tuple(row_major(t.shape, 4) for t in sig.inputs), False)
    fallback.strided = lambda strides: kernel(strides, True)
    return fallback.native or slow


def _batched(rest: int, form: tuple[bool, int], views: bool) -> Function:
    b = task_function("multiply")
    context = Context(b, 3, 0)
    m, n, k, ra, ka, rb, inner, *steps = (context.own(i) for i in range(_M, _M + 11))
    if views:
        for array in context.arrays[:2]:
            array.region = None  # NumPy vouches for what its strides reach
    with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as task:
        outer, within = task.i.div(inner), task.i.rem(inner)
        a, right = (
            b.at(p, outer * steps[2 * i] + within * steps[2 * i + 1], "float") for i, p in enumerate(context.arrays[:2])
        )
        c = b.at(context.arrays[2], task.i * m * n, "float")
        _product(b, _Tiles(a, ra * 4, ka * 4, right, rb * 4, k, c, m, n, rest, form, b.const(0, "ptr")))
    b.ret()
    return b
