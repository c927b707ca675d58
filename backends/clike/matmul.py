"""Matrix products: which kernel, on which layout; linear layers with their bias added on the way out."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...core.contract import Signature
from . import gemm
from .array import Array, Shape, collapse
from .engine import Engine, Launch, Source
from .reduce import compile_reduce

__all__ = ["compile_matmul", "register"]

TUNED = 2**24  # multiplications above which the choice of a kernel is measured
MATRIX = tuple[int, int]


def candidates(engine: Engine, dtype: Any, m: int, n: int, k: int, a: MATRIX, b: MATRIX, batch: int, bias: bool) -> list[tuple[Source, tuple[int, int]]]:  # fmt: skip
    """Kernels that take these strides, each with its groups along N and M; the first is the default. Empty: copy B first."""
    t = engine.target
    plain = (gemm.plain(dtype, batch, bias, 64), (-(-m * n // 64), 1))
    if not dtype.is_float or m * n * k <= 4096:
        return [plain]
    if not t.cpu:
        sizes = [(64, 16, 4), (128, 8, 8), (32, 16, 2)] if m >= 64 and n >= 64 else [(32, 16, 2), (64, 16, 4)]
        return [(gemm.tiled(dtype, batch, bias, s, d, r), (-(-n // s), -(-m // s))) for s, d, r in sizes]
    width = min(t.vector, 8 if dtype.storage == "f64" else 16)
    if width < 4:
        return [plain]
    if b[1] == 1 and n >= 4:
        return [_vector(t, dtype, batch, bias, m, n, rows, width, v) for rows, v in ((6, 2), (8, 2), (12, 1), (4, 4))]
    if (a[1] == 1 or k == 1) and (b[0] == 1 or k == 1):
        if k < width:
            return [plain]
        shapes = [(4, 4), (6, 2), (3, 6)]
        return [_dots(t, dtype, batch, bias, m, n, rows, columns, width) for rows, columns in shapes]
    return [plain] if n < 4 else []


def _vector(t: Any, dtype: Any, batch: int, bias: bool, m: int, n: int, rows: int, width: int, vectors: int) -> Any:
    rows = rows if rows <= m else max(r for r in (1, 2, 4, 6) if r <= m)
    while width * vectors > n:
        vectors, width = (vectors // 2, width) if vectors > 1 else (1, width // 2)
    return gemm.vector(dtype, batch, bias, rows, width, vectors, t.vector == 16), (-(-n // (width * vectors)), -(-m // rows))  # fmt: skip


def _dots(t: Any, dtype: Any, batch: int, bias: bool, m: int, n: int, rows: int, columns: int, width: int) -> Any:
    rows, columns = min(rows, m), min(columns, n)
    return gemm.dots(dtype, batch, bias, rows, columns, width, t.vector == 16), (-(-n // columns), -(-m // rows))


def compile_matmul(
    engine: Engine, a_shape: Shape, b_shape: Shape, dtype: Any, bias: bool = False
) -> Callable[..., Array]:
    """A function of (a, b) or (a, b, bias of N) over equal batch dims; operands may have any strides."""
    (m, k), n = a_shape[-2:], b_shape[-1]
    batch_shape = a_shape[:-2]
    out_shape = (*a_shape[:-1], n)
    calls: dict[Any, Any] = {}

    def prepare(a: Array, b: Array, rest: tuple[Array, ...]) -> Any:
        (dims, (az, bz)) = collapse(batch_shape, (a.strides[:-2], b.strides[:-2]))
        am, bm = a.strides[-2:], b.strides[-2:]
        found = candidates(engine, dtype, m, n, k, (am[0], am[1]), (bm[0], bm[1]), len(dims), bias)
        if not found:
            return None
        numbers = (m, n, k, *am, *bm, *dims, *az, *bz)
        launches = [Launch(source, (*groups, prod(dims)), numbers) for source, groups in found]
        if len(launches) == 1 or m * n * k < TUNED:
            return engine.prepare(launches[0])
        out = engine.empty(out_shape, dtype)
        key = f"matmul {dtype.storage} {_bucket(m)} {_bucket(n)} {_bucket(k)} {am[1] == 1} {bm[1] == 1} {bias}"
        return engine.fastest(key, launches, (a, b, *rest, out))

    def run(a: Array, b: Array, *rest: Array) -> Array:
        key = (a.strides, b.strides)
        call = calls.get(key)
        if call is None:
            call = calls[key] = prepare(a, b, rest) or _after_copy
        if call is _after_copy:
            return run(a, engine.copier.copy(b), *rest)
        out = engine.empty(out_shape, dtype)
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
            y = product(_flat(engine, x_, rows), w_.permute((1, 0)), *bias)
            return y if len(out.shape) == 2 else y.view(out.shape, _dense(out.shape))

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
            flat = _flat(engine, g_, rows)
            out = []
            if needs[0]:
                out.append(to_x(flat, w_).view(x.shape, _dense(x.shape)))
            if needs[1]:
                out.append(to_w(flat.permute((1, 0)), _flat(engine, x_, rows)))
            if len(needs) > 2 and needs[2]:
                out.append(to_b(flat))
            return out

        return run


def _flat(engine: Engine, a: Array, rows: int) -> Array:
    """(rows, last dim), a copy where the leading dims do not collapse."""
    shape = (rows, a.shape[-1])
    if a.shape == shape:
        return a
    view = a.reshape(shape)
    return view if view is not None else _flat(engine, engine.copier.copy(a), rows)


def _dense(shape: Shape) -> Any:
    from .array import dense_strides

    return dense_strides(shape)
