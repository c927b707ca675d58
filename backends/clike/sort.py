"""Stable argsort: blocks by counting, then merges in which every element finds its place by binary search.

Keys are unsigned integers in the order of the values, NaN the largest and -0 equal to 0; descending inverts them.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

from ...core.contract import Signature, i64, u32, u64
from .array import Array
from .engine import Engine, Launch, Source
from .expr import load
from .index import three_strides
from .types import register_type, storage_type

__all__ = ["register"]

GROUP = 64
BLOCK = 16


def _key_text(dtype: Any, key: str, descending: bool) -> str:
    """Statements that turn a value v into an unsigned key `k`."""
    kind = register_type(dtype)
    if kind in ("f32", "f64"):
        bits, top, whole = (
            ("AS_U32", "0x80000000u", "0xffffffffu")
            if kind == "f32"
            else ("AS_U64", "0x8000000000000000ul", "0xfffffffffffffffful")
        )
        text = f"const {key} q = {bits}(v == 0 ? 0 : v); {key} k = v != v ? {whole} : (q & {top}) ? ~q : q | {top};"
    elif dtype.kind == "int":
        top = "0x8000000000000000ul" if key == "u64" else "0x80000000u"
        text = f"{key} k = ({key})({'i64' if key == 'u64' else 'i32'})v ^ {top};"
    else:
        text = f"{key} k = ({key})v;"
    return text + (" k = ~k;" if descending else "")


@cache
def _blocks(dtype: Any, key: str, descending: bool) -> Source:
    """Numbers: total, length, inner; strides (outer, along, inner). Rows of keys and indices are dense, (outer, inner, length)."""
    at = "d.v[0] + outer * d.v[6] + {j} * d.v[7] + t * d.v[8]"
    text = f"""DIMS(9);
DEVFN {key} sort_key({register_type(dtype)} v) {{
  {_key_text(dtype, key, descending)}
  return k;
}}
KERNEL GROUP({GROUP}, 1, 1) void sort_blocks(GLOBAL const {storage_type(dtype)} * RESTRICT x, GLOBAL {key} * RESTRICT keys, GLOBAL i64 * RESTRICT index, const struct dims d) {{
  const i64 i = GID(0);
  if (i < d.v[3]) {{
    const i64 row = i / d.v[4], j = i - row * d.v[4], outer = row / d.v[5], t = row - outer * d.v[5];
    const i64 from = j / {BLOCK} * {BLOCK}, to = from + {BLOCK} < d.v[4] ? from + {BLOCK} : d.v[4];
    const {key} mine = sort_key({load(dtype, "x", at.format(j="j"))});
    i64 place = from;
    for (i64 o = from; o < to; o++) {{
      const {key} k = sort_key({load(dtype, "x", at.format(j="o"))});
      place += k < mine || (k == mine && o < j);
    }}
    keys[d.v[1] + row * d.v[4] + place] = mine;
    index[d.v[2] + row * d.v[4] + place] = j;
  }}
}}"""
    return Source("sort_blocks", text, (GROUP, 1, 1))


@cache
def _merge(key: str) -> Source:
    """Numbers: total, length, how long a sorted run is."""
    text = f"""DIMS(7);
KERNEL GROUP({GROUP}, 1, 1) void sort_merge(GLOBAL const {key} * RESTRICT keys, GLOBAL const i64 * RESTRICT index, GLOBAL {key} * RESTRICT keys2, GLOBAL i64 * RESTRICT index2, const struct dims d) {{
  const i64 i = GID(0);
  if (i < d.v[4]) {{
    const i64 row = i / d.v[5], j = i - row * d.v[5], run = d.v[6], base = row * d.v[5];
    const i64 pair = j / (2 * run) * (2 * run), middle = pair + run < d.v[5] ? pair + run : d.v[5], end = pair + 2 * run < d.v[5] ? pair + 2 * run : d.v[5];
    const {key} mine = keys[d.v[0] + i];
    const b1 left = j < middle;
    i64 low = left ? middle : pair, high = left ? end : middle;
    const i64 other = low;
    while (low < high) {{
      const i64 m = (low + high) / 2;
      const {key} k = keys[d.v[0] + base + m];
      if (k < mine || (k == mine && !left)) low = m + 1;
      else high = m;
    }}
    const i64 to = base + (left ? j : j - middle + pair) + (low - other);
    keys2[d.v[2] + to] = mine;
    index2[d.v[3] + to] = index[d.v[1] + i];
  }}
}}"""
    return Source("sort_merge", text, (GROUP, 1, 1))


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("argsort", specialize=True)
    def argsort(sig: Signature, *, axis: int, descending: bool) -> Any:
        x = sig.inputs[0]
        if x.dtype.storage == "f64" and not engine.target.f64:
            return NotImplemented
        key = u64 if x.dtype.bits == 64 else u32
        n, inner = x.shape[axis], prod(x.shape[axis + 1 :])
        groups = (-(-x.numel // GROUP), 1, 1)
        merges, run_length = [], BLOCK
        while run_length < n:
            merges.append(engine.prepare(Launch(_merge(key.storage), groups, (x.numel, n, run_length))))
            run_length *= 2
        calls: dict[Any, Any] = {}

        def run(a: Array) -> Array:
            a, steps = three_strides(engine, a, axis, 1)
            call = calls.get(steps)
            if call is None:
                launch = Launch(_blocks(x.dtype, key.storage, descending), groups, (x.numel, n, inner, *steps))
                call = calls[steps] = engine.prepare(launch)
            keys, index = engine.empty((x.numel,), key), engine.empty((x.numel,), i64)
            call((a, keys, index), ())
            for merge in merges:
                keys2, index2 = engine.empty((x.numel,), key), engine.empty((x.numel,), i64)
                merge((keys, index, keys2, index2), ())
                keys, index = keys2, index2
            lead, tail = x.shape[:axis], x.shape[axis + 1 :]
            rows = index.reshape((*lead, *tail, n))
            assert rows is not None
            k = len(lead) + len(tail)
            return rows.permute((*range(len(lead)), k, *range(len(lead), k)))

        return run
