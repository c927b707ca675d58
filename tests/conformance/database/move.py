"""Views and rearrangements: exact, whatever the dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ShapeError
from .. import reference as R
from ..info import ErrorSample, Law, OpInfo, add
from ..samples import S, normal


def moving(name: str, f: Any, *samples: Any, **fields: Any) -> None:
    """An op that only rearranges; `f(array, **kwargs)` does it in NumPy."""
    fields.setdefault("takes", "any")
    fields.setdefault("view", True)
    add(OpInfo(name, lambda x, **kw: R.move(x, lambda a: f(a, **kw)), samples, signed=True, family="move", **fields))


def _axes(x: Any, axes: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)


def _spread(a: Any, shape: Any, axes: Any = None) -> Any:
    """NumPy's broadcast along named new axes."""
    if axes is None:
        axes = (
            tuple(range(len(shape) - a.ndim)) if a.shape == tuple(shape[len(shape) - a.ndim :]) else (len(shape) - 1,)
        )
    new = sorted(i % len(shape) for i in _axes(a, axes))
    return np.broadcast_to(a.reshape([1 if i in new else n for i, n in enumerate(shape)]), shape)


moving("permute", lambda a, axes: a.transpose(axes),
       S("matrix", normal(3, 4), axes=(1, 0)), S("cycle", normal(2, 3, 4), axes=(2, 0, 1)), S("identity", normal(2, 3), axes=(0, 1)),
       S("negative axes", normal(2, 3, 4), axes=(-1, 0, 1)), S("rank 6", normal(2, 1, 3, 2, 1, 2), axes=(5, 3, 1, 0, 2, 4)).at("standard"),
       S("empty", normal(0, 3), axes=(1, 0)), S("rank-0", normal(), axes=()), S("large", normal(257, 263), axes=(1, 0)).at("standard"),
       torch=lambda t, x, axes: x.permute(axes),
       laws=(Law("undone by its inverse", lambda x, axes: x.permute(axes).permute(tuple(int(i) for i in np.argsort([a % max(x.rank, 1) for a in axes]))),
                 lambda x, axes: x),),
       errors=(ErrorSample("an axis missing", lambda d: d.ones((2, 3, 4)).permute((0, 1)), ShapeError, ("[permute]", "x.rank = 3")),
               ErrorSample("an axis twice", lambda d: d.ones((2, 3)).permute((0, 0)), ShapeError, ("[permute]", "twice"))))  # fmt: skip
moving("broadcast_to", _spread,
       S("new leading axis", normal(3), shape=(2, 3)), S("new trailing axis", normal(2), shape=(2, 3), axes=1),
       S("outer and inner", normal(3, 4), shape=(5, 3, 2, 4), axes=(0, 2)), S("from rank-0", normal(), shape=(2, 3)),
       S("to nothing", normal(3), shape=(0, 3)), S("rank 6", normal(2, 3), shape=(2, 2, 2, 3, 1, 2), axes=(0, 2, 4, 5)).at("standard"),
       S("large", normal(263), shape=(257, 263)).at("standard"), covers=("broadcast",),
       errors=(ErrorSample("size-1 dims are not stretched", lambda d: d.ones((1, 3)).broadcast_to((2, 3)), ShapeError, ("[broadcast_to]", "f32[1, 3]")),
               ErrorSample("two ways", lambda d: d.ones((3,)).broadcast_to((3, 3)), ShapeError, ("[broadcast_to]", "2 ways"))))  # fmt: skip
add(OpInfo("broadcast_like", lambda x, y, **kw: R.move(x, lambda a: _spread(a, y.shape, **kw)), (
    S("a vector to a matrix", normal(3), normal(2, 3)), S("columns", normal(2), normal(2, 3), axes=1),
), takes="any", view=True, signed=True, family="move"))  # fmt: skip
moving("reshape", lambda a, shape: a.reshape(shape),
       S("flatten", normal(2, 3), shape=(6,)), S("minus one", normal(2, 6), shape=(3, -1)), S("to rank-0", normal(1, 1), shape=()),
       S("empty", normal(0, 3), shape=(3, 0, 2)), S("rank 6", normal(4, 6), shape=(2, 2, 1, 3, 1, 2)).at("standard"),
       torch=lambda t, x, shape: x.reshape(shape),
       errors=(ErrorSample("another count", lambda d: d.ones((2, 3)).reshape((4,)), ShapeError, ("[reshape]", "6", "4")),))  # fmt: skip
add(
    OpInfo(
        "reshape_like",
        lambda x, y: R.reshape(x, y.shape),
        (S("matrix", normal(2, 6), normal(3, 4)),),
        takes="any",
        view=True,
        family="move",
    )
)
moving(
    "flatten",
    lambda a: a.reshape(-1),
    S("cube", normal(2, 3, 4)),
    S("rank-0", normal()),
    torch=lambda t, x: x.flatten(),
)
moving("realize", lambda a, shape: a, S("its own shape", normal(2, 3), shape=(2, 3)),
       errors=(ErrorSample("another shape", lambda d: d.ones((2, 3)).realize((3, 2)), ShapeError, ("[realize]", "[3, 2]")),))  # fmt: skip
moving("contiguous", lambda a: a, S("matrix", normal(3, 4)), S("empty", normal(0, 2)), S("rank-0", normal()))


def _slice(a: Any, ranges: Any) -> Any:
    return a[tuple(slice(r.start, r.stop, r.step) if isinstance(r, range) else r for r in ranges)]


moving("slice", _slice,
       S("inside", normal(4, 5), ranges=(range(1, 3), slice(None))), S("steps", normal(7, 9), ranges=(slice(1, 7, 3), slice(0, 9, 2))),
       S("nothing", normal(4, 5), ranges=(range(2, 2), slice(None))), S("one element", normal(4, 5), ranges=(slice(3, 4), slice(4, 5))),
       S("rank 6", normal(2, 3, 2, 3, 2, 2), ranges=(slice(1, 2), slice(0, 3, 2), slice(None), slice(1, None), slice(None), slice(0, 1))).at("standard"),
       S("large", normal(257, 263), ranges=(slice(1, 257), slice(0, 263, 3))).at("standard"), covers=("slice_tensor",), torch=lambda t, x, ranges: _slice(x, ranges),
       errors=(ErrorSample("past the end", lambda d: d.ones((2, 3)).slice((range(3), slice(None))), ShapeError, ("[slice]", "x.shape[0] = 2")),
               ErrorSample("a negative step", lambda d: d.ones((3,))[::-1], ShapeError, ("flip",)),
               ErrorSample("an index out of range", lambda d: d.ones((3,))[3], IndexError, ("index 3", "f32[3]")),
               ErrorSample("a list as index", lambda d: d.ones((3,))[[0, 1]], ShapeError, ("gather",))))  # fmt: skip
moving("getitem", lambda a, key: a[key],
       S("an int", normal(4, 5), key=2), S("ints and slices", normal(4, 5, 6), key=(slice(1, 3), -1, slice(None, None, 2))),
       S("an ellipsis", normal(4, 5, 6), key=(Ellipsis, 0)), S("one number", normal(4, 5), key=(1, 2)),
       call=lambda x, key: x[key], torch=lambda t, x, key: x[key])  # fmt: skip
add(OpInfo("unslice", lambda g, shape, starts, steps: R.pick(g, _unsliced(g.shape, shape, starts, steps)), (
    S("with steps", normal(2, 3), shape=(5, 9), starts=(1, 2), steps=(2, 3)), S("inside", normal(2), shape=(4,), starts=(1,), steps=(1,)),
), call=lambda g, **kw: _apply("unslice", g, **kw), takes="any", signed=False, family="move"))  # fmt: skip


def _unsliced(small: Any, shape: Any, starts: Any, steps: Any) -> Any:
    index = np.full(shape, -1)
    key = tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, small, steps, strict=True))
    index[key] = np.arange(int(np.prod(small))).reshape(small)
    return index


def _apply(name: str, *tensors: Any, **attrs: Any) -> Any:
    """An op that has no public function, through the registry."""
    from ...core.dispatch import apply
    from ...core.registry import OPS

    spec = OPS[name]
    return apply(spec, tensors, tuple(attrs[a] for a in spec.attrs))


moving("flip", lambda a, axes=None: np.flip(a, axes), S("all", normal(3, 4)), S("one axis", normal(3, 4), axes=1), S("two", normal(2, 3, 4), axes=(0, 2)),
       S("empty", normal(0, 2), axes=0).at("standard"), S("large", normal(257, 263), axes=0).at("standard"), view=False,
       torch=lambda t, x, axes=None: x.flip(_axes(x, axes)), laws=(Law("involution", lambda x, **kw: x.flip(**kw).flip(**kw), lambda x, **kw: x),))  # fmt: skip
moving("roll", lambda a, amount, axis=0: np.roll(a, amount, axis), S("forwards", normal(5, 2), amount=2), S("columns", normal(2, 5), amount=7, axis=1),
       S("backwards", normal(5), amount=-1).at("standard"), torch=lambda t, x, amount, axis=0: t.roll(x, amount, axis))  # fmt: skip
moving("repeat", lambda a, counts: np.tile(a, counts), S("twice", normal(2, 3), counts=(2, 1)), S("both", normal(2, 3), counts=(3, 2)),
       S("never", normal(2, 3), counts=(0, 1)), torch=lambda t, x, counts: x.repeat(counts))  # fmt: skip
add(OpInfo("pad", lambda x, widths, value=0: R.pick(x, np.pad(np.arange(x.v.size).reshape(x.shape), widths, constant_values=-1), value), (
    S("zeros", normal(2, 3), widths=((1, 2), (0, 3))), S("a value", normal(2, 3), widths=((0, 1), (2, 0)), value=2),
    S("around nothing", normal(0, 3), widths=((1, 1), (0, 0))).at("standard"),
), takes="number", family="move", view=True,
    torch=lambda t, x, widths, value=0: t.nn.functional.pad(x, tuple(n for w in reversed(widths) for n in w), value=value),
    errors=(ErrorSample("too few widths", lambda d: d.ones((2, 3)).pad([(1, 1)]), ShapeError, ("[pad]", "x.rank = 2")),)))  # fmt: skip
for _name, _f in (("upper_tri", np.triu), ("lower_tri", np.tril)):
    add(OpInfo(_name, lambda x, diagonal=0, f=_f: R.where(f(np.ones(x.shape[-2:], bool), diagonal), x, 0.0), (
        S("square", normal(4, 4)), S("above", normal(3, 5), diagonal=1), S("below, in a batch", normal(2, 4, 3), diagonal=-1),
    ), takes="number", family="move", torch=lambda t, x, diagonal=0, n="triu" if _f is np.triu else "tril": getattr(t, n)(x, diagonal)))  # fmt: skip
