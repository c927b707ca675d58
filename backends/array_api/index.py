"""Gather and scatter-add along one axis, with shared leading dims, by `take` over flattened rows."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

from ...core.contract import i64
from .namespace import Namespace


def _places(space: Namespace, index_type: Any, axis: int, size: int, op: str) -> tuple[Any, Any]:
    """(check, flat): `flat` turns an index into positions in rows * size, and says which of them are valid.

    Where indices are checked, `check` raises for one out of range and all are valid (None).
    """
    xp, rows = space.xp, prod(index_type.shape[:axis])

    def flat(index: Any) -> tuple[Any, Any]:
        at = xp.reshape(space.cast(index, index_type.dtype, i64), (rows, -1))
        valid = None
        if not space.checks_indices:
            valid = xp.logical_and(at >= 0, at < size)
            at = xp.where(valid, at, xp.zeros_like(at))
            valid = xp.reshape(valid, (-1,))
        if rows > 1:
            at = at + xp.reshape(space.arange(rows, at.dtype) * size, (rows, 1))
        return xp.reshape(at, (-1,)), valid

    def check(index: Any) -> None:
        wide = space.widen(index, index_type.dtype)
        low, high = int(xp.min(wide)), int(xp.max(wide))
        if low < 0 or high >= size:
            raise IndexError(f"[{op}] index {low if low < 0 else high} is out of range for an axis of {size}")

    return check if space.checks_indices else lambda index: None, flat


def _gather(space: Namespace, sig: Any, *, axis: int) -> Any:
    source, index_type = sig.inputs
    xp, dtype, size, tail = space.xp, source.dtype, source.shape[axis], source.shape[axis + 1 :]
    rows = prod(source.shape[:axis]) * size
    check, flat = _places(space, index_type, axis, size, "gather")

    def run(a: Any, index: Any) -> Any:
        at, valid = flat(index)
        emulated = dtype in space.work
        table = xp.reshape(space.widen(a, dtype) if emulated else a, (rows, prod(tail)))
        out = xp.take(table, at, axis=0)
        if valid is not None:
            out = xp.where(valid[:, None], out, xp.zeros_like(out))
        return xp.reshape(space.narrow(out, dtype) if emulated else out, (*index_type.shape, *tail))

    run = space.compile(run)

    def gather(a: Any, index: Any) -> Any:
        check(index)
        return run(a, index)

    return space.guard(gather)


def _scatter_add(space: Namespace, sig: Any, *, axis: int, size: int) -> Any:
    source, index_type = sig.inputs
    xp, dtype, tail = space.xp, source.dtype, source.shape[index_type.rank :]
    total, count, width = prod(index_type.shape[:axis]) * size, index_type.numel, prod(tail)
    check, flat = _places(space, index_type, axis, size, "scatter_add")
    settle = space.settle(dtype)

    def begin(src: Any, index: Any) -> tuple[Any, Any]:
        at, valid = flat(index)
        values = xp.reshape(space.widen(src, dtype), (count, width))
        return (values if valid is None else xp.where(valid[:, None], values, xp.zeros_like(values))), at

    def end(out: Any) -> Any:
        out = space.narrow(out if settle is None else settle(out), dtype)
        return xp.reshape(out, (*index_type.shape[:axis], size, *tail))

    own = space.functions.get("add_at")
    if own is not None:
        run = space.compile(lambda src, index: end(own(*begin(src, index), total)))
    else:
        add_at, begin, end = _add_at(space, count, total), space.compile(begin), space.compile(end)

        def run(src: Any, index: Any) -> Any:
            return end(add_at(*begin(src, index)))

    def scatter_add(src: Any, index: Any) -> Any:
        check(index)
        return run(src, index)

    return space.guard(scatter_add)


def _add_at(space: Namespace, count: int, total: int) -> Any:
    """(count, width) values into (total, width) rows of zeros, by rows of which some repeat, without any scatter.

    Sort by row, add up the runs of equal rows by doubling, and take the last of each run. The additions form a tree, so the
    error grows with the logarithm of the number of repeats, and the result does not depend on chance.
    """
    xp, compile_ = space.xp, space.compile

    def arrange(values: Any, rows: Any) -> tuple[Any, Any]:
        order = xp.argsort(rows)
        return xp.take(values, order, axis=0), xp.take(rows, order)

    def double(values: Any, rows: Any, step: int) -> Any:
        same, before = (rows[step:] == rows[:-step])[:, None], values[:-step, ...]
        more = values[step:, ...] + xp.where(same, before, xp.zeros_like(before))
        return xp.concat([values[:step, ...], more], axis=0)

    def pick(values: Any, rows: Any) -> Any:
        targets = space.arange(total, rows.dtype)
        last = xp.searchsorted(rows, targets, side="right") - 1
        last = xp.where(last < 0, xp.zeros_like(last), last)
        found, out = (xp.take(rows, last) == targets)[:, None], xp.take(values, last, axis=0)
        return xp.where(found, out, xp.zeros_like(out))

    steps = [(2**k, compile_(partial(double, step=2**k))) for k in range((count - 1).bit_length())]
    arrange, pick, repeats = compile_(arrange), compile_(pick), compile_(lambda a, b: xp.any(a == b))

    def add_at(values: Any, rows: Any) -> Any:
        values, rows = arrange(values, rows)
        for step, grow in steps:
            if not bool(repeats(rows[step:], rows[:-step])):
                break
            values = grow(values, rows)
        return pick(values, rows)

    return add_at


def register(registry: Any, space: Namespace) -> None:
    def gather(sig: Any, **attrs: Any) -> Any:
        return _gather(space, sig, **attrs)

    def scatter_add(sig: Any, **attrs: Any) -> Any:
        return _scatter_add(space, sig, **attrs)

    registry.kernel("gather", specialize=True, base=True)(space.guard(gather))
    registry.kernel("scatter_add", specialize=True, base=True)(space.guard(scatter_add))
