"""The primitives themselves, called without an op in between: what a new backend writes first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.cell import new_cell
from ...core.dtypes import DTYPES
from ...core.expr import arg, cast, index, map_program, row_max, row_program, row_sum, scalar, select
from ...core.expr import functions as F
from ...core.lower import lower
from ...core.tensor import wrap
from ...core.types import Signature, TensorType
from .. import reference as R
from ..info import OpInfo, add
from ..reference import Ref
from ..samples import S, Sample, ints, normal, permuted, values
from .cast import cast as cast_reference
from .index import gather, scatter_add
from .move import _slice, _spread
from .philox import words

BITS = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.5)


def call(
    name: str, xs: Any, out: TensorType | tuple[TensorType, ...], *scalars: Any, device: Any = None, **attrs: Any
) -> Any:
    """A kernel on the storage of tensors, its results as tensors."""
    dev = device or xs[0].device
    outs = out if isinstance(out, tuple) else (out,)
    kernel = dev.backend.primitive(name, Signature(tuple(x._type for x in xs), outs), **attrs)
    found = kernel(*[x._cell.array for x in xs], *scalars)
    made = [wrap(new_cell(a), o, dev) for a, o in zip(found if isinstance(out, tuple) else (found,), outs, strict=True)]
    return tuple(made) if isinstance(out, tuple) else made[0]


def primitive(name: str, reference: Any, function: Any, *samples: Sample, **fields: Any) -> None:
    fields.setdefault("takes", "any")
    add(OpInfo(name, reference, samples, call=function, grad=False, kind="primitive", family="primitives", **fields))


def _like(x: Any, shape: Any = None, dtype: Any = None) -> TensorType:
    return TensorType(x.shape if shape is None else tuple(shape), dtype or x.dtype)


# ----- making and copying


def _empty(dev: Any, dtype: Any, shape: Any) -> Any:
    """What `empty` gives can be written by a map in place, which may give a new array where arrays cannot be written."""
    from ..checks.views import overwrite

    t = call("empty", (), TensorType(shape, dtype), device=dev, shape=shape, dtype=dtype)
    t._cell.array = overwrite(dev, t)
    return t


def _copy_in(x: Any) -> Any:
    """From a host array that is written to afterwards: the device must have its own copy."""
    host = np.array(x.array())
    t = wrap(new_cell(x.device.backend.primitive("copy_in", dtype=x.dtype)(host)), x._type, x.device)
    host[...] = np.zeros((), host.dtype)
    return t


def _copy_out(x: Any) -> Any:
    """To a host array that is written to: the device's value must not change. Both copies come back."""
    first = x.device.backend.primitive("copy_out", dtype=x.dtype)(x._cell.array)
    again = x.device.tensor(np.array(first), x.dtype)
    if isinstance(first, np.ndarray) and first.flags.writeable:
        first[...] = np.zeros((), first.dtype)
    return x, again


_ones = lambda shape, value: Ref(np.full(shape, value))  # noqa: E731
primitive("empty", lambda dtype, shape: _ones(shape, True if dtype.kind == "bool" else 7.0 if dtype.is_float else 7), _empty,
          S("matrix", shape=(3, 4)), S("rank-0", shape=()), maker=True)  # fmt: skip
primitive("fill", lambda dtype, value, shape: _ones(shape, bool(value) if dtype.kind == "bool" else value * 1.0 if dtype.is_float else value),
          lambda dev, dtype, value, shape: call("fill", (), TensorType(shape, dtype), value, device=dev, shape=shape, dtype=dtype),
          S("zeros", value=0, shape=(3, 4)), S("a value", value=3, shape=(2, 5)), S("rank-0", value=1, shape=()), S("large", value=1, shape=(257, 263)),
          maker=True)  # fmt: skip
_exact = (
    S("matrix", normal(3, 4)),
    S("rank-0", normal()),
    S("every bit", values(*BITS)).only("float"),
    S("large", normal(257, 263)).at("standard"),
)
primitive("copy_in", lambda x: x, _copy_in, *_exact, signed=True)
primitive("copy_out", lambda x: (x, x), _copy_out, *_exact, signed=True, view=True)
primitive("copy", lambda x: x, lambda x: call("copy", (x,), x._type), *_exact, signed=True)
primitive("contiguous", lambda x: x, lambda x: call("contiguous", (x,), x._type), *_exact, signed=True, view=True)
primitive(
    "synchronize", lambda x: x, lambda x: (x.device.synchronize(), x)[1], S("after work", normal(3, 4)), view=True
)
for _to in DTYPES:
    primitive(f"cast to {_to}", lambda x, to: cast_reference(x, to), lambda x, to: call("cast", (x,), _like(x, dtype=DTYPES[to]), dtype=DTYPES[to]),
              S("matrix", normal(3, 4), to=_to), S("rank-0", normal(), to=_to),
              S("saturation", values(0.4, -0.6, 1.5, -1.5, 127.5, 128.0, 255.0, 256.0, -129.0, 3e4, -6e4), to=_to).only("float"),
              S("special", values(*BITS), to=_to).only("float"), gives=_to, view=True, covers=("cast",))  # fmt: skip

# ----- views


primitive("permute", lambda x, axes: R.transpose(x, axes), lambda x, axes: call("permute", (x,), _like(x, [x.shape[a] for a in axes]), axes=axes),
          S("matrix", normal(3, 4), axes=(1, 0)), S("cube", normal(2, 3, 4), axes=(2, 0, 1)), S("rank 8", normal(*[2] * 6), axes=(5, 3, 1, 0, 2, 4)),
          signed=True, view=True)  # fmt: skip
primitive("broadcast", lambda x, shape, axes: R.move(x, lambda a: _spread(a, shape, axes)),
          lambda x, shape, axes: call("broadcast", (x,), _like(x, shape), shape=shape, axes=axes),
          S("leading", normal(3), shape=(2, 3), axes=(0,)), S("trailing", normal(2), shape=(2, 3), axes=(1,)), S("rank-0", normal(), shape=(2, 3), axes=(0, 1)),
          S("outer and inner", normal(3, 4), shape=(5, 3, 2, 4), axes=(0, 2)), S("size-1 dims", normal(1, 3), shape=(1, 2, 3), axes=(1,)),
          signed=True, view=True)  # fmt: skip
primitive("reshape", lambda x, shape: R.reshape(x, shape), lambda x, shape: call("reshape", (x,), _like(x, shape), shape=shape),
          S("flatten", normal(3, 4), shape=(12,)), S("split", normal(12), shape=(3, 2, 2)), S("to rank-0", normal(1), shape=()), signed=True, view=True)  # fmt: skip
primitive("slice", lambda x, starts, stops, steps: R.move(x, lambda a: _slice(a, [slice(*b) for b in zip(starts, stops, steps, strict=True)])),
          lambda x, starts, stops, steps: call("slice", (x,), _like(x, [-(-(b - a) // s) for a, b, s in zip(starts, stops, steps, strict=True)]),
                                               starts=starts, stops=stops, steps=steps),
          S("inside", normal(5, 6), starts=(1, 2), stops=(4, 6), steps=(1, 1)), S("steps", normal(7, 9), starts=(1, 0), stops=(7, 9), steps=(3, 2)),
          S("a step beyond the end", normal(5), starts=(1,), stops=(5,), steps=(3,)), signed=True, view=True)  # fmt: skip
primitive("concat", lambda *xs, axis: R.concat(xs, axis),
          lambda *xs, axis: call("concat", xs, _like(xs[0], [sum(x.shape[axis] for x in xs) if i == axis else n for i, n in enumerate(xs[0].shape)]), axis=axis),
          S("rows", normal(2, 3), normal(1, 3), axis=0), S("columns", normal(2, 3), normal(2, 4), axis=1), S("five", *[normal(2, 2)] * 5, axis=1), signed=True)  # fmt: skip

# ----- computing

x, y, s = arg(0), arg(1), scalar(0)
_MAPS: dict[str, tuple[Any, Any]] = {  # (expressions, reference)
    "scaled sum": ((x * s + y,), lambda a, b, k: a * k + b),
    "two outputs": ((x + y, x * y), lambda a, b, k: (a + b, a * b)),
    "an output is an argument": ((y, x), lambda a, b, k: (b, a)),
    "a comparison selects": ((select(x > y, x, y * s),), lambda a, b, k: R.where(a.v > b.v, a, b * k)),
    "index": ((x + cast(index(), DTYPES["f32"]),), lambda a, b, k: a + np.arange(a.v.size, dtype=float).reshape(a.shape)),
}  # fmt: skip


def _map(a: Any, b: Any, which: str, k: float) -> Any:
    exprs = _MAPS[which][0]
    d = a.dtype
    if which == "index":
        exprs = (x + cast(index(), d),)
    program = map_program(tuple(exprs), (d, d), (d,) * len(exprs), 1)
    out = (_like(a),) * len(exprs)
    return call("map", (a, b), out if len(out) > 1 else out[0], k, program=program, shape=a.shape, inplace=())


primitive("map", lambda a, b, which, k: _MAPS[which][1](a, b, k), _map,
          *[S(w, normal(3, 4), normal(3, 4), which=w, k=0.5) for w in _MAPS], S("rank-0", normal(), normal(), which="scaled sum", k=2.0),
          S("large", normal(257, 263), normal(257, 263), which="scaled sum", k=2.0).at("standard"), takes="float")  # fmt: skip


def _inplace(a: Any, b: Any) -> Any:
    """The first output overwrites (a copy of) the first input; the second is new."""
    d = a.dtype
    program = map_program((x + y, x * y), (d, d), (d, d), 0)
    mine = call("copy", (a,), a._type)
    return call("map", (mine, b), (_like(a), _like(a)), program=program, shape=a.shape, inplace=(0, None))


primitive("map in place", lambda a, b: (a + b, a * b), _inplace, S("matrix", normal(3, 4), normal(3, 4)), S("large", normal(257, 263), normal(257, 263)).at("standard"),
          takes="number", covers=("map",))  # fmt: skip
_REDUCE = {"sum": R.sum, "prod": R.prod, "max": R.max, "min": R.min}


def _reduce(a: Any, kind: str, axes: Any) -> Any:
    shape = [n for i, n in enumerate(a.shape) if i not in axes]
    dtype = DTYPES["i64"] if a.dtype.kind == "bool" else a.dtype
    return call("reduce", (a,), _like(a, shape, dtype), kind=kind, axes=axes, dtype=dtype)


primitive("reduce", lambda a, kind, axes: _REDUCE[kind](a, axes), _reduce, *[sample for k in _REDUCE for sample in (
    S(f"{k} of rows", normal(3, 5), kind=k, axes=(1,)), S(f"{k} of columns", normal(3, 5), kind=k, axes=(0,)), S(f"{k} of all", normal(3, 5), kind=k, axes=(0, 1)),
    S(f"{k} of outer and inner", normal(2, 3, 4), kind=k, axes=(0, 2)), S(f"{k} of a size-1 axis", normal(3, 1), kind=k, axes=(1,)),
    S(f"{k} with NaN", values([[1.0, float("nan"), 3.0], [1.0, 2.0, 3.0]]), kind=k, axes=(1,)).only("float"),
)], S("sum of long rows", normal(3, 4099), kind="sum", axes=(1,)), S("max of long rows", normal(3, 4099), kind="max", axes=(1,)),
    S("sum of many ones", values(np.ones((2, 4099))), kind="sum", axes=(1,)), takes="number")  # fmt: skip
primitive("matmul", R.matmul, lambda a, b: call("matmul", (a, b), _like(a, (*a.shape[:-1], b.shape[-1]))),
          S("matrices", normal(2, 3), normal(3, 4)), S("odd sizes", normal(17, 67), normal(67, 131)), S("a row by a column", normal(1, 33), normal(33, 1)),
          S("batches", normal(5, 2, 3), normal(5, 3, 4)), S("two batch dims", normal(2, 2, 2, 3), normal(2, 2, 3, 4)),
          S("long inner", normal(3, 4099), normal(4099, 2)), takes="number")  # fmt: skip
primitive("gather", gather, lambda a, i, axis: call("gather", (a, i), _like(a, (*i.shape, *a.shape[axis + 1 :])), axis=axis),
          S("vector", normal(5), ints(5, 3), axis=0), S("rows", normal(5, 3), ints(5, 4), axis=0), S("second axis", normal(3, 5, 2), ints(5, 3, 4), axis=1),
          S("rank-0 index", normal(5, 2), ints(5), axis=0), S("i32 index", normal(5), ints(5, 7, dtype="i32"), axis=0), signed=True)  # fmt: skip
primitive("scatter_add", scatter_add,
          lambda a, i, axis, size: call("scatter_add", (a, i), _like(a, (*i.shape[:axis], size, *a.shape[i.rank :])), axis=axis, size=size),
          S("each once", normal(5), permuted(5), axis=0, size=5), S("repeats", normal(6, 2), values([0, 2, 2, 2, 1, 0], dtype="i64"), axis=0, size=4),
          S("second axis", normal(2, 4), ints(3, 2, 4), axis=1, size=3), S("all in one place", normal(999), values(np.zeros(999, np.int64), dtype="i64"), axis=0, size=2),
          takes="number")  # fmt: skip
primitive("random_bits", lambda dtype, key, counter, count: Ref(np.array(words(key, counter, count), np.uint32)),
          lambda dev, dtype, key, counter, count: call("random_bits", (), TensorType((count,), dtype), key, counter, device=dev, count=count),
          S("first words", key=0, counter=0, count=10), S("one word", key=7, counter=3, count=1), S("a large key", key=2**64 - 1, counter=1, count=9),
          S("the counter carries", key=5, counter=2**32 - 1, count=12), S("a large counter", key=5, counter=2**63, count=5), S("many", key=1, counter=0, count=4099),
          takes="u32", maker=True)  # fmt: skip

# ----- rows

_ROWS = {
    "softmax": ((F.exp(x - row_max(x)) / row_sum(F.exp(x - row_max(x))),), ("full",), lambda a: _softmax(a)),
    "sums": ((row_sum(x * x),), ("row",), lambda a: R.sum(a * a, -1)),
}


def _softmax(a: Any) -> Any:
    e = R.exp(a - R.const(R.max(a, -1, keep=True)))
    return e / R.sum(e, -1, keep=True)


def _row(a: Any, which: str) -> Any:
    exprs, kinds, _ = _ROWS[which]
    d = a.dtype
    outer, inner = a.shape[:-1], a.shape[-1:]
    program = row_program(tuple(exprs), (d,), (d,), 0, ("full",), kinds)
    out = _like(a, outer if kinds == ("row",) else a.shape)
    kernel = a.device.find("row", Signature((a._type,), (out,)), {"program": program, "outer": outer, "inner": inner})
    kernel = kernel or lower(a.device, program, outer, inner)
    return wrap(new_cell(kernel(a._cell.array)), out, a.device)


primitive("row", lambda a, which: _ROWS[which][2](a), _row,
          *[S(f"{w} {n}", normal(*shape), which=w) for w in _ROWS for n, shape in (("of rows", (3, 5)), ("in a batch", (2, 3, 4)), ("of long rows", (3, 4099)))],
          takes="float")  # fmt: skip
