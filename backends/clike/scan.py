"""Running sums in chunks: sums of chunks, their running sums, then each chunk from where the one before it ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

from ...core.contract import Signature, arg, cast, map_program
from .array import Array
from .engine import Engine, Launch, Source
from .expr import arithmetic, load, store
from .index import three_strides
from .map import compile_map
from .types import register_type, storage_type

__all__ = ["register"]

GROUP = 64
CHUNK = 64  # so that errors grow with the square root of 64, not of the length


@cache
def _scan(source: Any, wide: Any, started: bool, writes: bool) -> Source:
    """Arrays: x, the running sums of chunks if `started`, and y: every sum if `writes`, else one per chunk.

    Numbers: items, length, chunks, inner; x's strides (outer, along, inner).
    """
    k = 2 + started
    n, acc = [f"d.v[{k + j}]" for j in range(7)], register_type(wide)
    start = f"GLOBAL const {storage_type(wide)} * RESTRICT start, " if started else ""
    x = load(source, "x", f"d.v[0] + outer * {n[4]} + j * {n[5]} + t * {n[6]}")
    text = f"""DIMS({k + 7});
KERNEL GROUP({GROUP}, 1, 1) void scan(GLOBAL const {storage_type(source)} * RESTRICT x, {start}GLOBAL {storage_type(wide)} * RESTRICT y, const struct dims d) {{
  const i64 i = GID(0);
  if (i < {n[0]}) {{
    const i64 r = i / {n[3]}, t = i - r * {n[3]}, outer = r / {n[2]}, c = r - outer * {n[2]};
    const i64 from = c * {CHUNK}, to = from + {CHUNK} < {n[1]} ? from + {CHUNK} : {n[1]};
    {acc} sum = 0;
    {f"if (c > 0) sum = start[d.v[1] + i - {n[3]}];" if started else ""}
    for (i64 j = from; j < to; j++) {{
      const {acc} v = {_as(x, source, wide)};
      sum = {arithmetic("add", "sum", "v", wide)};
      {store(wide, "y", f"d.v[{k - 1}] + (outer * {n[1]} + j) * {n[3]} + t", "sum") if writes else ""}
    }}
    {"" if writes else store(wide, "y", f"d.v[{k - 1}] + i", "sum")}
  }}
}}"""
    return Source("scan", text, (GROUP, 1, 1))


def _as(x: str, source: Any, wide: Any) -> str:
    return x if source.compute is wide else f"({register_type(wide)}){x}"


def compile_scan(engine: Engine, outer: int, n: int, inner: int, source: Any, wide: Any) -> Callable[..., Array]:
    """A function of (array, its strides along outer, n, inner) that gives the dense running sums along n."""
    chunks = -(-n // CHUNK)
    items = outer * chunks * inner
    groups = (-(-items // GROUP), 1, 1)
    whole = chunks == 1
    carry = None if whole else compile_scan(engine, outer, chunks, inner, wide, wide)
    calls: dict[Any, Any] = {}

    def run(a: Array, steps: tuple[int, int, int]) -> Array:
        call = calls.get(steps)
        if call is None:
            numbers = (items, n, chunks, inner, *steps)
            last = engine.prepare(Launch(_scan(source, wide, not whole, True), groups, numbers))
            first = None if whole else engine.prepare(Launch(_scan(source, wide, False, False), groups, numbers))
            call = calls[steps] = (first, last)
        first, last = call
        y = engine.empty((outer, n, inner), wide)
        if carry is None or first is None:
            last((a, y), ())
        else:
            sums = engine.empty((outer, chunks, inner), wide)
            first((a, sums), ())
            last((a, carry(sums, (chunks * inner, inner, 1)), y), ())
        return y

    return run


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("cumsum", specialize=True)
    def cumsum(sig: Signature, *, axis: int) -> Any:
        x, out = sig.inputs[0], sig.outputs[0]
        wide = out.dtype.compute
        outer, n, inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
        scan = compile_scan(engine, outer, n, inner, x.dtype, wide)
        narrow = None
        if wide is not out.dtype:
            narrow = compile_map(engine, map_program((cast(arg(0), out.dtype),), (wide,), (out.dtype,), 0), out.shape)

        def run(a: Array) -> Array:
            a, steps = three_strides(engine, a, axis, 1)
            y = scan(a, steps).reshape(out.shape)
            assert y is not None
            return narrow(y) if narrow else y

        return run
