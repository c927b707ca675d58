"""Philox words: an item makes a block of four."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.contract import u32, u64
from .array import Array
from .engine import Engine, Launch, Source

__all__ = ["register"]


@cache
def _source(group: int) -> Source:
    text = f"""DIMS(2);
KERNEL GROUP({group}, 1, 1) void philox(GLOBAL u32 * RESTRICT y, const u64 key, const u64 counter, const struct dims d) {{
  const i64 b = GID(0), at = d.v[0] + 4 * b, left = d.v[1] - 4 * b;
  if (left > 0) {{
    const u64 block = counter + (u64)b;
    PHILOX_BLOCK(key, block)
    y[at] = c0;
    if (left > 1) y[at + 1] = c1;
    if (left > 2) y[at + 2] = c2;
    if (left > 3) y[at + 3] = c3;
  }}
}}"""
    return Source("philox", text, (group, 1, 1), (u64, u64))


def register(registry: Any, engine: Engine) -> None:
    group = engine.target.group
    calls: dict[int, Any] = {}

    @registry.kernel("random_bits")
    def random_bits(key: int, counter: int, *, count: int) -> Array:
        call = calls.get(count)
        if call is None:
            launch = Launch(_source(group), (-(-count // (4 * group)), 1, 1), (count,))
            call = calls[count] = engine.prepare(launch)
        out = engine.empty((count,), u32)
        call((out,), (key, counter))
        return out
