"""Reductions, products and movement. Every movement is one picking of elements, so it has one gradient: scattering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np

from .node import Ref, now, own_sum, ref

Axes = int | tuple[int, ...] | None


def _axes(axes: Axes, rank: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in ((axes,) if isinstance(axes, int) else axes)))


def sum(x: Any, axes: Axes = None, keep: bool = False) -> Ref:
    """Sum along axes: 8 eps of the sum of the absolute values."""
    x = ref(x)
    at = _axes(axes, len(x.shape))
    if not at:
        return x
    wide = np.int64 if x.v.dtype == np.bool_ else x.v.dtype
    v = np.sum(x.v, at, dtype=wide, keepdims=keep)
    e = own_sum(v, np.sum(np.abs(x.v), at, keepdims=keep)) + np.sum(x.e, at, keepdims=keep) if x.is_float else 0.0
    return Ref(v, e, (x,), lambda g: (broadcast(g if keep else _kept(g, at), x.shape),))


def mean(x: Any, axes: Axes = None, keep: bool = False) -> Ref:
    """Sum over count."""
    x = ref(x)
    n = int(np.prod([x.shape[a] for a in _axes(axes, len(x.shape))]))
    return sum(x, axes, keep) * (1.0 / n if n else float("nan"))


def _kept(g: Ref, at: tuple[int, ...]) -> Ref:
    """g with size-1 dims where the axes were."""
    shape = list(g.shape)
    for a in at:
        shape.insert(a, 1)
    return reshape(g, tuple(shape))


def _extremum(name: str) -> Callable[..., Ref]:
    reduce = getattr(np, name)

    def function(x: Any, axes: Axes = None, keep: bool = False) -> Ref:
        x = ref(x)
        at = _axes(axes, len(x.shape))
        if not at:
            return x
        v = reduce(x.v, at, keepdims=keep)
        whole = reduce(x.v, at, keepdims=True)

        def pull(g: Ref) -> tuple[Ref]:
            ties = (x.v == whole).astype(np.float64)
            share = (g if keep else _kept(g, at)) / Ref(np.sum(ties, at, keepdims=True))
            return (broadcast(share, x.shape) * Ref(ties),)

        return Ref(v, np.max(x.e, at, keepdims=keep) if x.is_float and x.e.any() else 0.0, (x,), pull)

    return function


max = _extremum("max")
min = _extremum("min")


def prod(x: Any, axes: Axes = None) -> Ref:
    """Product along axes: n roundings of half an eps each, and 8 eps at least.

    The gradient is result / input, the usual form; in rows with a zero it is the product of the others, one by one.
    """
    x = ref(x)
    at = _axes(axes, len(x.shape))
    n = int(np.prod([x.shape[a] for a in at]))
    v = np.prod(x.v, at, dtype=x.v.dtype)
    out = Ref(v, own_sum(v, np.abs(v)) * np.maximum(1.0, n / 16) if x.is_float and n else 0.0, (x,))

    def pull(g: Ref) -> tuple[Ref]:
        whole = broadcast(_kept(g, at), x.shape)
        zeros = np.broadcast_to((x.v == 0).any(at, keepdims=True), x.shape)
        if not zeros.any():
            return (whole * broadcast(_kept(out, at), x.shape) / x,)
        rows = _rows(x, at)
        columns = [move(rows, itemgetter((slice(None), i))) for i in range(n)]
        others = [_product([c for j, c in enumerate(columns) if j != i], v.size) for i in range(n)]
        return (whole * _unrows(stack(others, 1), x.shape, at),)

    out.pull = pull
    return out


def _product(factors: Sequence[Ref], n: int) -> Ref:
    total = Ref(np.ones(n))
    for f in factors:
        total = total * f
    return total


def _rows(x: Ref, at: tuple[int, ...]) -> Ref:
    """(outer, inner) with the named axes inside."""
    kept = [i for i in range(len(x.shape)) if i not in at]
    n = int(np.prod([x.shape[i] for i in at]))
    return move(x, lambda a: a.transpose(*kept, *at).reshape(-1, n))


def _unrows(x: Ref, shape: tuple[int, ...], at: tuple[int, ...]) -> Ref:
    order = [i for i in range(len(shape)) if i not in at] + list(at)
    back = np.argsort(order)
    return move(x, lambda a: a.reshape([shape[i] for i in order]).transpose(*back))


# ----- products


def einsum(spec: str, a: Any, b: Any) -> Ref:
    """A sum of products of two arrays: 8 eps of the same sum over absolute values."""
    a, b = ref(a), ref(b)
    ins, out = spec.split("->")
    sa, sb = ins.split(",")
    v = _einsum(spec, a.v, b.v)
    e: Any = 0.0
    if a.is_float:
        e = own_sum(v, _einsum(spec, np.abs(a.v), np.abs(b.v)))
        if a.e.any():
            e = e + _einsum(spec, a.e, np.abs(b.v))
        if b.e.any():
            e = e + _einsum(spec, np.abs(a.v), b.e)
    return Ref(v, e, (a, b), lambda g: (einsum(f"{out},{sb}->{sa}", g, b), einsum(f"{out},{sa}->{sb}", g, a)))


def _einsum(spec: str, a: Any, b: Any) -> Any:
    v = np.einsum(spec, a, b, optimize=a.size * b.size > 4096)
    return v.astype(a.dtype) if a.dtype.kind != "f" else v


def matmul(a: Any, b: Any) -> Ref:
    """The matrix product of NumPy: vectors, matrices, equal leading dims, a matrix on the right of a batch."""
    a, b = ref(a), ref(b)
    lead = "uvwx"
    ra, rb = len(a.shape), len(b.shape)
    la = lead[: ra - 2] if ra > 2 else ""
    lb = lead[: rb - 2] if rb > 2 else ""
    left = la + ("mk" if ra > 1 else "k")
    right = lb + ("kn" if rb > 1 else "k")
    out = (la or lb) + ("m" if ra > 1 else "") + ("n" if rb > 1 else "")
    return einsum(f"{left},{right}->{out}", a, b)


# ----- movement


def pick(x: Any, index: Any, fill: float = 0.0) -> Ref:
    """x.flat[index]; an index of -1 gives `fill`."""
    x = ref(x)
    index = np.asarray(index, np.int64)
    outside = index < 0
    flat = np.concatenate([x.v.reshape(-1), np.asarray([fill], x.v.dtype)])
    errors = np.concatenate([x.e.reshape(-1), [0.0]])
    at = np.where(outside, x.v.size, index)
    return Ref(flat[at], errors[at], (x,), lambda g: (reshape(scatter(g, index, x.v.size), x.shape),))


def scatter(x: Any, index: Any, size: int) -> Ref:
    """A vector of zeros with x added at `index`; -1 is dropped."""
    x = ref(x)
    index = np.asarray(index, np.int64)
    inside = index >= 0

    def added(a: Any, dtype: Any) -> Any:
        out = np.zeros(size, dtype)
        np.add.at(out, index[inside], a[inside])
        return out

    v = added(x.v, x.v.dtype)
    e: Any = 0.0
    if x.is_float:
        count, absolute = added(np.ones(x.shape), np.float64), added(np.abs(x.v), np.float64)
        one_by_one = 0.5 * now().storage.eps * (count - 1) * absolute if now().each else 0.0
        e = np.where(count > 1, own_sum(v, absolute) + one_by_one, 0.0) + added(x.e, np.float64)
    return Ref(v, e, (x,), lambda g: (pick(g, index),))


def move(x: Any, f: Callable[[Any], Any]) -> Ref:
    """Any rearrangement, written for a NumPy array: transpose, slice, flip, repeat, take, and so on."""
    x = ref(x)
    return pick(x, f(np.arange(x.v.size).reshape(x.shape)))


def reshape(x: Any, shape: tuple[int, ...]) -> Ref:
    x = ref(x)
    return Ref(x.v.reshape(shape), x.e.reshape(shape), (x,), lambda g: (reshape(g, x.shape),))


def transpose(x: Any, axes: tuple[int, ...]) -> Ref:
    return move(x, lambda a: a.transpose(axes))


def broadcast(x: Any, shape: tuple[int, ...]) -> Ref:
    """NumPy's rule: size-1 dims and missing leading dims repeat."""
    from .elementwise import _shrunk

    x = ref(x)
    if x.shape == shape:
        return x
    return Ref(np.broadcast_to(x.v, shape), np.broadcast_to(x.e, shape), (x,), lambda g: (_shrunk(g, x.shape),))


def concat(xs: Sequence[Any], axis: int = 0) -> Ref:
    parts = [ref(x) for x in xs]
    bounds = np.cumsum([0, *[p.shape[axis] for p in parts]])

    def pull(g: Ref) -> list[Ref]:
        lead = (slice(None),) * (axis % len(g.shape))
        return [move(g, itemgetter((*lead, slice(s, t)))) for s, t in pairwise(bounds)]

    return Ref(
        np.concatenate([p.v for p in parts], axis), np.concatenate([p.e for p in parts], axis), tuple(parts), pull
    )


def stack(xs: Sequence[Any], axis: int = 0) -> Ref:
    parts = [ref(x) for x in xs]
    at = axis % (len(parts[0].shape) + 1)
    shape = (*parts[0].shape[:at], 1, *parts[0].shape[at:])
    return concat([reshape(p, shape) for p in parts], at)


def where(cond: Any, a: Any, b: Any) -> Ref:
    """a where cond (a NumPy bool array or a Ref of one), else b; the branch not taken gets a gradient of exactly 0."""
    c = cond.v if isinstance(cond, Ref) else np.asarray(cond)
    a, b = ref(a), ref(b)
    if a.is_float != b.is_float:
        a, b = (Ref(i.v.astype(np.float64)) if not i.is_float else i for i in (a, b))
    shape = np.broadcast_shapes(c.shape, a.shape, b.shape)

    def pull(g: Ref) -> tuple[Ref, Ref]:
        from .elementwise import _shrunk

        return _shrunk(where(c, g, 0.0), a.shape), _shrunk(where(c, 0.0, g), b.shape)

    e = np.where(c, np.broadcast_to(a.e, shape), np.broadcast_to(b.e, shape))
    return Ref(np.where(c, a.v, b.v), e, (a, b), pull)
