"""Reductions over lanes, and loads and stores of a part of a vector."""

from __future__ import annotations

from typing import Any

from .expression import load_array, memory_type, store_array
from .ir import Function, V, lanes, scalar_type, size_of, vec

__all__ = ["combine", "first_lanes", "fold", "identity", "load_part", "masked_load", "masked_store", "store_part"]

_IDENTITY = {"sum": 0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf")}
_INT_IDENTITY = {"sum": 0, "prod": 1}


def identity(b: Function, kind: str, type_: str, signed: bool = True) -> V:
    """The value that changes nothing."""
    one = scalar_type(type_)
    if one in ("float", "double"):
        return b.const(_IDENTITY[kind], type_)
    bits = int(one[1:])
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return b.const({"max": low, "min": high, **_INT_IDENTITY}[kind], type_)


def combine(b: Function, kind: str, total: V, x: V, signed: bool = True) -> V:
    """One more value: NaN wins in max and min."""
    if kind in ("sum", "prod"):
        return total + x if kind == "sum" else total * x
    if x.is_float:
        better = b.select(
            x.cmp("ogt" if kind == "max" else "olt", total), x, total
        )  # one instruction; a NaN in total stays
        return b.select(x.cmp("uno", x), x, better)
    sign = "s" if signed else "u"
    return b.select(x.cmp(sign + ("gt" if kind == "max" else "lt"), total), x, total)


def fold(b: Function, kind: str, x: V, signed: bool = True) -> V:
    """All lanes as one, by halves."""
    n = lanes(x.type)
    while n > 1:
        half = n // 2
        if half == 1:
            low, high = b.extract(x, 0), b.extract(x, 1)
        else:
            low, high = (b.shuffle(x, x, list(range(k, k + half))) for k in (0, half))
        x, n = combine(b, kind, low, high, signed), half
    return x


def first_lanes(b: Function, count: V, n: int) -> V:
    """Which lanes are below count."""
    lane = V(b, vec("i32", n), f"<{', '.join(f'i32 {k}' for k in range(n))}>")
    return lane.cmp("slt", b.convert("trunc", count, "i32").splat(n)) if n > 1 else b.const(0).cmp("slt", count)


def _short(type_: str) -> str:
    one = {"float": "f32", "double": "f64"}.get(scalar_type(type_), scalar_type(type_))
    return f"v{lanes(type_)}{one}"


def masked_load(b: Function, p: V, t: str, mask: V) -> V:
    """The lanes of a vector of type t that the mask admits, zeros in the others."""
    name = f"@llvm.masked.load.{_short(t)}.p0"
    b.declarations.add(f"declare {t} {name}(ptr, {mask.type}, {t})")
    return b.emit(f"call {t} {name}(ptr align {size_of(t)} {p.name}, {mask}, {t} zeroinitializer)", t)


def masked_store(b: Function, x: V, p: V, mask: V) -> None:
    """Those lanes of x into memory."""
    name = f"@llvm.masked.store.{_short(x.type)}.p0"
    b.declarations.add(f"declare void {name}({x.type}, ptr, {mask.type})")
    b.do(f"call void {name}({x}, ptr align {size_of(x.type)} {p.name}, {mask})")


def load_part(b: Function, p: V, dtype: Any, mask: V, count: V, buffer: V) -> V:
    """The lanes of an array that the mask admits; the others are zero, so that they choose no path."""
    n = lanes(mask.type)
    t = vec(memory_type(dtype), n)
    if size_of(t) < 4:
        b.clear(buffer, n * size_of(t))
        b.copy(buffer, p, count * size_of(t))
        return load_array(b, buffer, dtype, n)
    return masked_load(b, p, t, mask)


def store_part(b: Function, x: V, p: V, dtype: Any, mask: V, count: V, buffer: V) -> None:
    """Those lanes into an array."""
    n = lanes(mask.type)
    t = vec(memory_type(dtype), n)
    b.guard(p, count * size_of(t))
    if size_of(t) < 4:
        store_array(b, x, buffer, dtype)
        b.copy(p, buffer, count * size_of(t))
        return
    masked_store(b, x, p, mask)
