"""Text of the matrix product kernels: Y[z] = A[z] B[z] (+ bias), strided in and row-major out.

* `tiled`: for GPUs. A group computes a tile through local memory, each item a block of it in registers.
* `vector`: for CPUs. An item holds rows x vectors of Y in registers and walks along K; B's rows are contiguous.
* `dots`: for CPUs. Both operands are contiguous along K; an item holds a block of vector dot products.
* `plain`: one item per element of Y, any strides, any dtype; small products and integers.

The numbers behind the offsets: M, N, K, A's strides (m, k), B's strides (k, n), then the batch dims and the batch strides of A and B.
Where a block would reach over the edge it is moved back, so it computes some elements twice and needs no masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from .engine import Source
from .expr import arithmetic, load, store, unravel
from .types import register_type, storage_type

__all__ = ["Text", "dots", "plain", "step", "tiled", "vector", "vector_type", "vload"]

_M, _N, _K, _AM, _AK, _BK, _BN = range(7)


class Text:
    """What the kernels share: parameters, numbers, where a batch begins."""

    def __init__(self, dtype: Any, batch: int, names: tuple[str, ...]) -> None:
        self.dtype, self.batch, self.names = dtype, batch, names
        self.arrays, self.bias = len(names), "bias" in names
        self.acc, self.cell = register_type(dtype), storage_type(dtype)
        self.size = self.arrays + 7 + 3 * batch

    def number(self, k: int) -> str:
        return f"d.v[{self.arrays + k}]"

    def signature(self, name: str, group: tuple[int, int, int], cells: Mapping[str, str] = MappingProxyType({})) -> str:
        """The kernel's first line; arrays in `cells` have elements of another type. The first two are read, and the bias."""
        reads = ("bias", *self.names[:2])
        arrays = [
            f"GLOBAL {'const ' if a in reads else ''}{cells.get(a, self.cell)} * RESTRICT {a}" for a in self.names
        ]
        return (
            f"KERNEL GROUP({group[0]}, {group[1]}, {group[2]}) void {name}({', '.join(arrays)}, const struct dims d) {{"
        )

    def head(
        self, name: str, group: tuple[int, int, int], cells: Mapping[str, str] = MappingProxyType({})
    ) -> list[str]:
        names = [f"z{a}" for a in range(self.batch)]
        dims = [self.number(7 + a) for a in range(self.batch)]
        first = 7 + self.batch
        a = "".join(f" + z{i} * {self.number(first + i)}" for i in range(self.batch))
        b = "".join(f" + z{i} * {self.number(first + self.batch + i)}" for i in range(self.batch))
        return [
            f"DIMS({self.size});",
            self.signature(name, group, cells),
            f"  const i64 M = {self.number(_M)}, N = {self.number(_N)}, K = {self.number(_K)}, z = BID(2);",
            f"  const i64 am = {self.number(_AM)}, ak = {self.number(_AK)}, bk = {self.number(_BK)}, bn = {self.number(_BN)};",
            *[f"  {line}" for line in unravel("z", dims, names)],
            f"  const i64 a0 = d.v[0]{a}, b0 = d.v[1]{b};",
        ]

    def out(self) -> str:
        return f"  const i64 y0 = d.v[{self.arrays - 1}] + z * M * N;"

    def stored(self, at: str, value: str, column: str) -> str:
        if self.bias:
            value = f"{value} + {load(self.dtype, 'bias', f'd.v[2] + {column}')}"
        return store(self.dtype, "Y", at, value)


def _names(bias: bool) -> tuple[str, ...]:
    return ("A", "B", "bias", "Y") if bias else ("A", "B", "Y")


@lru_cache(256)
def plain(dtype: Any, batch: int, bias: bool, group: int) -> Source:
    t = Text(dtype, batch, _names(bias))
    product = arithmetic("mul", "x", "w", dtype)
    step = "M_FMA(x, w, acc)" if dtype.is_float else arithmetic("add", "acc", f"({product})", dtype)
    lines = [
        *t.head("gemm_plain", (group, 1, 1)),
        t.out(),
        "  const i64 i = GID(0);",
        "  if (i < M * N) {",
        "    const i64 r = i / N, c = i - r * N;",
        f"    {t.acc} acc = 0;",
        "    for (i64 k = 0; k < K; k++) {",
        f"      const {t.acc} x = {load(dtype, 'A', 'a0 + r * am + k * ak')}, w = {load(dtype, 'B', 'b0 + k * bk + c * bn')};",
        f"      acc = {step};",
        "    }",
        "    " + t.stored("y0 + i", "acc", "c"),
        "  }",
        "}",
    ]
    return Source("gemm_plain", "\n".join(lines), (group, 1, 1))


@lru_cache(256)
def tiled(dtype: Any, batch: int, bias: bool, tile: int, depth: int, block: int) -> Source:
    """A tile of `tile` x `tile`, `depth` of K at a time; an item has `block` x `block` of it, spread so that loads coalesce."""
    t = Text(dtype, batch, _names(bias))
    side = tile // block
    lines = [
        *t.head(name := f"gemm_tiled_{tile}x{depth}x{block}", (side, side, 1)),
        t.out(),
        f"  LOCAL_ARRAY({t.acc}, As, {depth * (tile + 1)});",
        f"  LOCAL_ARRAY({t.acc}, Bs, {depth * (tile + 1)});",
        f"  const int tx = (int)LID(0), ty = (int)LID(1), item = ty * {side} + tx;",
        f"  const i64 r0 = BID(1) * {tile}, c0 = BID(0) * {tile};",
        f"  {t.acc} acc[{block}][{block}];",
        f"  UNROLL for (int i = 0; i < {block}; i++) UNROLL for (int j = 0; j < {block}; j++) acc[i][j] = 0;",
        f"  for (i64 k0 = 0; k0 < K; k0 += {depth}) {{",
        f"    for (int l = item; l < {tile * depth}; l += {side * side}) {{",
        f"      const int ar = ak == 1 ? l / {depth} : l % {tile}, ac = ak == 1 ? l % {depth} : l / {tile};",
        f"      const int br = bn == 1 ? l / {tile} : l % {depth}, bc = bn == 1 ? l % {tile} : l / {depth};",
        f"      As[ac * {tile + 1} + ar] = r0 + ar < M && k0 + ac < K ? {load(dtype, 'A', 'a0 + (r0 + ar) * am + (k0 + ac) * ak')} : ({t.acc})0;",
        f"      Bs[br * {tile + 1} + bc] = k0 + br < K && c0 + bc < N ? {load(dtype, 'B', 'b0 + (k0 + br) * bk + (c0 + bc) * bn')} : ({t.acc})0;",
        "    }",
        "    BARRIER();",
        f"    for (int k = 0; k < {depth}; k++) {{",
        f"      {t.acc} x[{block}], w[{block}];",
        f"      UNROLL for (int i = 0; i < {block}; i++) x[i] = As[k * {tile + 1} + ty + i * {side}];",
        f"      UNROLL for (int j = 0; j < {block}; j++) w[j] = Bs[k * {tile + 1} + tx + j * {side}];",
        f"      UNROLL for (int i = 0; i < {block}; i++) UNROLL for (int j = 0; j < {block}; j++) acc[i][j] = M_FMA(x[i], w[j], acc[i][j]);",
        "    }",
        "    BARRIER();",
        "  }",
        f"  UNROLL for (int i = 0; i < {block}; i++) UNROLL for (int j = 0; j < {block}; j++) {{",
        f"    const i64 r = r0 + ty + i * {side}, c = c0 + tx + j * {side};",
        "    if (r < M && c < N) " + t.stored("y0 + r * N + c", "acc[i][j]", "c"),
        "  }",
        "}",
    ]
    return Source(name, "\n".join(lines), (side, side, 1))


def vload(dtype: Any, width: int, pointer: str, at: str) -> str:
    """`width` elements as a vector of the register type (OpenCL only)."""
    if dtype.storage == "f16":
        return f"vload_half{width}(0, (GLOBAL const half *)({pointer} + {at}))"
    if dtype.storage == "bf16":
        return f"as_float{width}(convert_uint{width}(vload{width}(0, {pointer} + {at})) << 16)"
    return f"vload{width}(0, {pointer} + {at})"


def vector_type(dtype: Any, width: int) -> str:
    return ("double" if dtype.storage == "f64" else "float") + str(width)


def _lanes(width: int) -> list[str]:
    return [f".s{k:x}" for k in range(width)]


@lru_cache(256)
def vector(dtype: Any, batch: int, bias: bool, rows: int, width: int, vectors: int, fma: bool) -> Source:
    """An item has `rows` x `vectors` vectors of `width` elements."""
    t, v, span = Text(dtype, batch, _names(bias)), vector_type(dtype, width), width * vectors
    lines = [
        *t.head(name := f"gemm_vector_{rows}x{width}x{vectors}", (1, 1, 1)),
        t.out(),
        f"  const i64 rb = BID(0) * {rows}, cb = BID(1) * {span}, c = cb < N - {span} ? cb : N - {span};",
        f"  const i64 r = rb < M - {rows} ? rb : M - {rows};",
    ]
    cells = [(i, j) for i in range(rows) for j in range(vectors)]
    lines += [f"  {v} acc{i}_{j} = 0;" for i, j in cells]
    lines += ["  for (i64 k = 0; k < K; k++) {", "    const i64 ka = a0 + r * am + k * ak, kb = b0 + k * bk + c;"]
    lines += [f"    const {v} w{j} = {vload(dtype, width, 'B', f'kb + {j * width}')};" for j in range(vectors)]
    for i in range(rows):
        lines.append(f"    const {v} x{i} = ({v})({load(dtype, 'A', f'ka + {i} * am')});")
        lines += [f"    acc{i}_{j} = {step(f'x{i}', f'w{j}', f'acc{i}_{j}', fma)};" for j in range(vectors)]
    lines.append("  }")
    lines += [line for i, j in cells for line in _write(t, f"acc{i}_{j}", i, j * width, width)]
    return Source(name, "\n".join([*lines, "}"]), (1, 1, 1))


def _write(t: Text, name: str, row: int, column: int, width: int) -> list[str]:
    """Statements that store a vector of Y, its bias added."""
    at, dtype = f"y0 + (r + {row}) * N + c + {column}", t.dtype
    lines = []
    if t.bias:
        lines.append(f"    {name} += {vload(dtype, width, 'bias', f'd.v[2] + c + {column}')};")
    if dtype.storage in ("f32", "f64"):
        return [*lines, f"    vstore{width}({name}, 0, Y + {at});"]
    return lines + [f"    {store(dtype, 'Y', f'{at} + {k}', f'{name}{lane}')}" for k, lane in enumerate(_lanes(width))]


@lru_cache(256)
def dots(dtype: Any, batch: int, bias: bool, rows: int, columns: int, width: int, fma: bool) -> Source:
    """An item has `rows` x `columns` dot products along K, `width` partial sums each."""
    t, v = Text(dtype, batch, _names(bias)), vector_type(dtype, width)
    lines = [
        *t.head(name := f"gemm_dots_{rows}x{columns}x{width}", (1, 1, 1)),
        t.out(),
        f"  const i64 rb = BID(1) * {rows}, cb = BID(0) * {columns}, r = rb < M - {rows} ? rb : M - {rows}, c = cb < N - {columns} ? cb : N - {columns};",
    ]
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    lines += [f"  {v} acc{i}_{j} = 0;" for i, j in cells]
    lines += [f"  const i64 pa{i} = a0 + (r + {i}) * am;" for i in range(rows)]
    lines += [f"  const i64 pb{j} = b0 + (c + {j}) * bn;" for j in range(columns)]
    lines.append(f"  i64 k = 0;\n  for (; k + {width} <= K; k += {width}) {{")
    lines += [f"    const {v} w{j} = {vload(dtype, width, 'B', f'pb{j} + k')};" for j in range(columns)]
    for i in range(rows):
        lines.append(f"    const {v} x{i} = {vload(dtype, width, 'A', f'pa{i} + k')};")
        lines += [f"    acc{i}_{j} = {step(f'x{i}', f'w{j}', f'acc{i}_{j}', fma)};" for j in range(columns)]
    lines.append("  }")
    for i, j in cells:
        lines.append(f"  {t.acc} s{i}_{j} = {_total(f'acc{i}_{j}', width)};")
    lines.append("  for (; k < K; k++) {")
    lines += [f"    const {t.acc} w{j} = {load(dtype, 'B', f'pb{j} + k')};" for j in range(columns)]
    for i in range(rows):
        lines.append(f"    const {t.acc} x{i} = {load(dtype, 'A', f'pa{i} + k')};")
        lines += [f"    s{i}_{j} = M_FMA(x{i}, w{j}, s{i}_{j});" for j in range(columns)]
    lines.append("  }")
    lines += ["  " + t.stored(f"y0 + (r + {i}) * N + c + {j}", f"s{i}_{j}", f"(c + {j})") for i, j in cells]
    return Source(name, "\n".join([*lines, "}"]), (1, 1, 1))


def step(x: str, w: str, acc: str, fma: bool) -> str:
    return f"fma({x}, {w}, {acc})" if fma else f"{x} * {w} + {acc}"


def _total(name: str, width: int) -> str:
    """The sum of a vector's lanes, pairwise."""
    parts = [f"{name}{lane}" for lane in _lanes(width)]
    while len(parts) > 1:
        parts = [f"({a} + {b})" for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]
