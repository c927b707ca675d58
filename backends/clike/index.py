"""Gather and scatter-add along one axis, with shared leading dims.

Both see their arrays as (batch, positions, tail): an axis of `size` positions, an index of `count` positions. Scatter-add takes
no atomics: an item owns a column of the output (a slice of its positions where columns are few) and adds in the order of the
index, so the sum is the same every time. An index out of range reads 0 and is not written.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import prod
from typing import Any

from ...core.contract import Signature, arg, cast, map_program
from .array import Array, collapse
from .engine import Engine, Launch, Source
from .expr import arithmetic, load
from .map import compile_map
from .memory import bits_dtype
from .types import register_type, storage_type

__all__ = ["register", "three_strides"]

GROUP = 64


@cache
def _gather(bits: Any, index: Any, group: int) -> Source:
    """Numbers: total, count, tail, size; strides of a (batch, position, tail) and of the index (batch, position)."""
    e = storage_type(bits)
    text = f"""DIMS(12);
KERNEL GROUP({group}, 1, 1) void gather(GLOBAL const {e} * RESTRICT a, GLOBAL const {storage_type(index)} * RESTRICT index, GLOBAL {e} * RESTRICT y, const struct dims d) {{
  const i64 i = GID(0);
  if (i < d.v[3]) {{
    const i64 row = i / d.v[5], t = i - row * d.v[5], b = row / d.v[4], z = row - b * d.v[4];
    const i64 k = (i64)index[d.v[1] + b * d.v[10] + z * d.v[11]];
    y[d.v[2] + i] = k >= 0 && k < d.v[6] ? a[d.v[0] + b * d.v[7] + k * d.v[8] + t * d.v[9]] : ({e})0;
  }}
}}"""
    return Source("gather", text, (group, 1, 1))


@cache
def _scatter(dtype: Any, wide: Any, index: Any) -> Source:
    """Numbers: items, count, tail, size, slices; strides of src (batch, position, tail) and of the index (batch, position)."""
    e, w = storage_type(dtype), register_type(wide)
    text = f"""DIMS(13);
KERNEL GROUP({GROUP}, 1, 1) void scatter_add(GLOBAL const {e} * RESTRICT src, GLOBAL const {storage_type(index)} * RESTRICT index, GLOBAL {w} * RESTRICT y, const struct dims d) {{
  const i64 i = GID(0), count = d.v[4], tail = d.v[5], size = d.v[6], slices = d.v[7];
  if (i < d.v[3]) {{
    const i64 row = i / tail, t = i - row * tail, b = row / slices, s = row - b * slices;
    const i64 part = (size + slices - 1) / slices, from = s * part, to = from + part < size ? from + part : size;
    const i64 o = d.v[2] + b * size * tail + t;
    for (i64 k = from; k < to; k++) y[o + k * tail] = ({w})0;
    for (i64 z = 0; z < count; z++) {{
      const i64 k = (i64)index[d.v[1] + b * d.v[11] + z * d.v[12]];
      if (k >= from && k < to) {{
        const {w} old = y[o + k * tail], x = {load(dtype, "src", "d.v[0] + b * d.v[8] + z * d.v[9] + t * d.v[10]")};
        y[o + k * tail] = {arithmetic("add", "old", "x", wide)};
      }}
    }}
  }}
}}"""
    return Source("scatter_add", text, (GROUP, 1, 1))


def three_strides(engine: Engine, a: Array, batch: int, middle: int) -> tuple[Array, tuple[int, int, int]]:
    """An array whose dims are batch dims, then `middle` position dims, then the tail, with one stride for each; a copy if need be."""
    cuts = (0, batch, batch + middle, len(a.shape))
    steps = []
    for lo, hi in pairwise(cuts):
        dims, (s,) = collapse(a.shape[lo:hi], (a.strides[lo:hi],))
        if len(dims) > 1:
            return three_strides(engine, engine.copier.copy(a), batch, middle)
        steps.append(s[0])
    return a, (steps[0], steps[1], steps[2])


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("gather", specialize=True)
    def gather(sig: Signature, *, axis: int) -> Any:
        a_type, index_type = sig.inputs
        out = sig.outputs[0]
        count, tail = prod(index_type.shape[axis:]), prod(a_type.shape[axis + 1 :])
        source = _gather(bits_dtype(a_type.dtype), index_type.dtype, engine.target.group)
        groups = (-(-out.numel // engine.target.group), 1, 1)
        calls: dict[Any, Any] = {}

        def run(a: Array, index: Array) -> Array:
            a, steps = three_strides(engine, a, axis, 1)
            index, (ib, iz, _) = three_strides(engine, index, axis, len(index.shape) - axis)
            key = (*steps, ib, iz)
            call = calls.get(key)
            if call is None:
                call = calls[key] = engine.prepare(
                    Launch(source, groups, (out.numel, count, tail, a_type.shape[axis], *key))
                )
            y = engine.empty(out.shape, out.dtype)
            call((a, index, y), ())
            return y

        return run

    @registry.kernel("scatter_add", specialize=True)
    def scatter_add(sig: Signature, *, axis: int, size: int) -> Any:
        src_type, index_type = sig.inputs
        out = sig.outputs[0]
        batch, count = prod(index_type.shape[:axis]), prod(index_type.shape[axis:])
        tail = prod(src_type.shape[index_type.rank :])
        dtype = out.dtype
        slices = max(1, min(size, engine.target.units * 2 // (batch * tail)))
        items = batch * slices * tail
        source = _scatter(dtype, dtype.compute, index_type.dtype)
        groups = (-(-items // GROUP), 1, 1)
        narrow = None
        if dtype.compute is not dtype:
            narrow = compile_map(engine, map_program((cast(arg(0), dtype),), (dtype.compute,), (dtype,), 0), out.shape)
        calls: dict[Any, Any] = {}

        def run(src: Array, index: Array) -> Array:
            src, steps = three_strides(engine, src, axis, len(index.shape) - axis)
            index, (ib, iz, _) = three_strides(engine, index, axis, len(index.shape) - axis)
            key = (*steps, ib, iz)
            call = calls.get(key)
            if call is None:
                call = calls[key] = engine.prepare(Launch(source, groups, (items, count, tail, size, slices, *key)))
            y = engine.empty(out.shape, dtype.compute)
            call((src, index, y), ())
            return narrow(y) if narrow else y

        return run
