"""Matrix products: which kernel, on which layout; linear layers with their bias added on the way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

from ...core.contract import Signature
from . import gemm, packed
from .array import Array, Shape, collapse, dense_strides
from .engine import Call, Engine, Launch, Source
from .reduce import compile_reduce

__all__ = ["compile_matmul", "register"]

TUNED = 2**24  # multiplications above which the choice of a kernel is measured
PACKED = 64  # rows, columns and depth from which packing may pay on a CPU


class Way(NamedTuple):
    """A kernel, and its groups along x and y; with `packed` the rows and columns of the tiles into whose order operands are brought."""

    source: Source
    groups: tuple[int, int]
    packed: tuple[int, int] = (0, 0)


class Product(NamedTuple):
    """One product's facts: sizes, strides of A (m, k) and of B (k, n), how many batch dims, whether a bias is added."""

    dtype: Any
    m: int
    n: int
    k: int
    a: tuple[int, int]
    b: tuple[int, int]
    batch: int
    bias: bool


def ways(engine: Engine, p: Product) -> list[Way]:
    """Kernels that take these strides, the default first; none: B is copied before."""
    t, m, n = engine.target, p.m, p.n
    plain = Way(gemm.plain(p.dtype, p.batch, p.bias, 64), (-(-m * n // 64), 1))
    if not p.dtype.is_float or m * n * p.k <= 4096:
        return [plain]
    if not t.cpu:
        sizes = [(64, 16, 4), (128, 8, 8), (32, 16, 2)] if m >= 64 and n >= 64 else [(32, 16, 2), (64, 16, 4)]
        return [Way(gemm.tiled(p.dtype, p.batch, p.bias, s, d, r), (-(-n // s), -(-m // s))) for s, d, r in sizes]
    width = t.vector // 2 if p.dtype.storage == "f64" else t.vector
    if width < 4:
        return [plain]
    blocks = ((6, 2), (4, 3)) if t.vector < 16 else ((12, 2), (8, 3))  # 16 or 32 vector registers
    squares = ((3, 3), (4, 2)) if t.vector < 16 else ((4, 4), (6, 2))
    packs = [_packed(t, p, rows, width, v) for rows, v in blocks] if min(m, n, p.k) >= PACKED else []
    if p.b[1] == 1 and n >= 4:
        return [_vector(t, p, rows, width, v) for rows, v in blocks] + packs
    if (p.a[1] == 1 or p.k == 1) and (p.b[0] == 1 or p.k == 1):
        if p.k < width:
            return [plain]
        return packs + [_dots(t, p, rows, columns, width) for rows, columns in squares]
    return packs or ([plain] if n < 4 else [])


def _packed(t: Any, p: Product, rows: int, width: int, vectors: int) -> Way:
    return Way(packed.multiply(p.dtype, p.bias, rows, width, vectors, t.fused), (0, 0), (rows, width * vectors))


def _vector(t: Any, p: Product, rows: int, width: int, vectors: int) -> Way:
    rows = rows if rows <= p.m else max(r for r in (1, 2, 4, 6) if r <= p.m)
    while width * vectors > p.n:
        vectors, width = (vectors // 2, width) if vectors > 1 else (1, width // 2)
    source = gemm.vector(p.dtype, p.batch, p.bias, rows, width, vectors, t.fused)
    return Way(source, (-(-p.m // rows), -(-p.n // (width * vectors))))


def _dots(t: Any, p: Product, rows: int, columns: int, width: int) -> Way:
    rows, columns = min(rows, p.m), min(columns, p.n)
    source = gemm.dots(p.dtype, p.batch, p.bias, rows, columns, width, t.fused)
    return Way(source, (-(-p.n // columns), -(-p.m // rows)))


def _prepare(engine: Engine, way: Way, p: Product, batches: int, numbers: tuple[int, ...]) -> Call:
    """The call of a way on (a, b, bias, y)."""
    if way.packed == (0, 0):
        return engine.prepare(Launch(way.source, (*way.groups, batches), numbers))
    down, across = way.packed
    block = packed.block((p.m, p.n, p.k), batches, down, across, p.dtype.storage not in ("f32", "f64"))
    groups = (-(-p.k // packed.COPIED), block.strips + block.panels, batches)
    pack = engine.prepare(Launch(packed.pack(p.dtype, p.batch, down, across), groups, numbers))
    multiply = engine.prepare(Launch(way.source, (*block.groups, batches), (p.m, p.n, p.k, *block)))
    deep = -(-p.k // packed.STEPS) * packed.STEPS
    strips = engine.maker((batches * block.strips * deep * down,), p.dtype.compute)
    panels = engine.maker((batches * block.panels * deep * across,), p.dtype.compute)

    def call(arrays: Sequence[Array], scalars: Sequence[Any]) -> None:
        a, b, *rest = arrays
        both = (strips(), panels())
        pack((a, b, *both), ())
        multiply((*both, *rest), ())

    return call


def compile_matmul(engine: Engine, a_shape: Shape, b_shape: Shape, dtype: Any, bias: bool = False) -> Callable[..., Array]:  # fmt: skip
    """A function of (a, b) or (a, b, bias of N) over equal batch dims; operands may have any strides."""
    (m, k), n = a_shape[-2:], b_shape[-1]
    batch_shape = a_shape[:-2]
    out_shape = (*a_shape[:-1], n)
    make = engine.maker(out_shape, dtype)
    calls: dict[Any, Any] = {}

    def prepare(a: Array, b: Array, rest: tuple[Array, ...]) -> Any:
        (dims, (az, bz)) = collapse(batch_shape, (a.strides[:-2], b.strides[:-2]))
        (am, ak), (bk, bn) = a.strides[-2:], b.strides[-2:]
        p = Product(dtype, m, n, k, (am, ak), (bk, bn), len(dims), bias)
        numbers = (m, n, k, am, ak, bk, bn, *dims, *az, *bz)
        choices = {w.source.name: partial(_prepare, engine, w, p, prod(dims), numbers) for w in ways(engine, p)}
        if not choices:
            return _after_copy
        if len(choices) == 1 or m * n * k < TUNED:
            return next(iter(choices.values()))()
        out = engine.empty(out_shape, dtype)
        key = f"matmul {dtype.storage} {_bucket(m)} {_bucket(n)} {_bucket(k)} {ak == 1} {bn == 1} {bias}"
        return engine.fastest(key, choices, (a, b, *rest, out))

    def run(a: Array, b: Array, *rest: Array) -> Array:
        key = (a.strides, b.strides)
        call = calls.get(key)
        if call is None:
            call = calls[key] = prepare(a, b, rest)
        if call is _after_copy:
            return run(a, engine.copier.copy(b), *rest)
        out = make()
        call((a, b, *rest, out), ())
        return out

    return run


def _after_copy(*_: Any) -> None:
    """Marks a layout whose second operand is copied first."""


def _bucket(n: int) -> int:
    """The power of two above."""
    return 1 << max(0, n - 1).bit_length()


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("matmul", specialize=True)
    def matmul(sig: Signature) -> Any:
        a, b = sig.inputs
        return compile_matmul(engine, a.shape, b.shape, a.dtype)

    @registry.kernel("linear", specialize=True)
    def linear(sig: Signature) -> Any:
        """x W^T + b, rows flattened."""
        x, w = sig.inputs[:2]
        rows, out = x.numel // x.shape[-1], sig.outputs[0]
        product = compile_matmul(engine, (rows, x.shape[-1]), (w.shape[1], w.shape[0]), x.dtype, len(sig.inputs) > 2)

        def run(x_: Array, w_: Array, *bias: Array) -> Array:
            bias = tuple([engine.copier.contiguous(b) for b in bias])
            y = product(engine.copier.reshaped(x_, (rows, x_.shape[-1])), w_.permute((1, 0)), *bias)
            return y if len(out.shape) == 2 else y.view(out.shape, dense_strides(out.shape))

        return run

    @registry.kernel("linear.backward", specialize=True)
    def linear_backward(sig: Signature, *, needs: tuple[bool, ...]) -> Any:
        """dx = g W, dW = g^T x, db = the sum of g over rows; saved are x and W."""
        _, x, w = sig.inputs
        rows, dtype = x.numel // x.shape[-1], x.dtype
        to_x = compile_matmul(engine, (rows, w.shape[0]), w.shape, dtype)
        to_w = compile_matmul(engine, (w.shape[0], rows), (rows, w.shape[1]), dtype)
        to_b = compile_reduce(engine, "sum", (rows, w.shape[0]), dtype, (0,), dtype)

        def run(g_: Array, x_: Array, w_: Array) -> list[Array]:
            flat = engine.copier.reshaped(g_, (rows, g_.shape[-1]))
            out = []
            if needs[0]:
                out.append(to_x(flat, w_).view(x.shape, dense_strides(x.shape)))
            if needs[1]:
                out.append(to_w(flat.permute((1, 0)), engine.copier.reshaped(x_, (rows, x_.shape[-1]))))
            if len(needs) > 2 and needs[2]:
                out.append(to_b(flat))
            return out

        return run
