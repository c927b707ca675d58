"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import public as ops
from ...core.errors import DTypeError, ShapeError
from .. import reference as R
from ..info import ErrorSample, OpInfo, add
from ..reference import Ref
from ..samples import S, Sample, few, flags, normal, values


def samples(draw: Any = normal, large: bool = True, empty: bool = True, **kwargs: Any) -> tuple[Sample, ...]:
    """Every way of naming axes, sizes 0 and 1, primes, and rows longer than any work group."""
    found = [
        S("all", draw(3, 4), **kwargs),
        S("rows", draw(3, 4), axes=1, **kwargs),
        S("columns", draw(3, 4), axes=0, **kwargs),
        S("negative axis", draw(2, 3, 4), axes=-2, **kwargs).at("standard"),
        S("outer and inner axes", draw(2, 3, 4), axes=(0, 2), **kwargs),
        S("axes out of order", draw(2, 3, 4), axes=(2, 0), **kwargs).at("standard"),
        S("to a shape", draw(2, 3, 4), to=(2, 4), **kwargs).at("standard"),
        S("rank-0", draw(), **kwargs),
        S("one element", draw(1), **kwargs).at("standard"),
        S("size-1 axis", draw(3, 1, 2), axes=1, **kwargs).at("standard"),
        S("rank 6", draw(2, 1, 3, 2, 1, 2), axes=(1, 3, 5), **kwargs).at("standard"),
        S("prime sizes", draw(31, 37), axes=1, **kwargs).at("standard"),
        S("empty result", draw(0, 3), axes=1, **kwargs),
        S("special", values([[1.0, float("nan")], [float("inf"), 1.0], [float("-inf"), 2.0], [0.0, -0.0]]), axes=1, **kwargs)
        .only("float").without_gradient(),
    ]  # fmt: skip
    if empty:
        found.append(S("empty axis", draw(3, 0), axes=1, **kwargs))
    if large:
        found += [
            S("long rows", draw(3, 4099), axes=1, **kwargs).at("standard"),
            S("long columns", draw(4099, 3), axes=0, **kwargs).at("standard"),
            S("large", draw(257, 263), **kwargs).at("standard"),
            S("huge", draw(1000003), **kwargs).without_gradient().at("exhaustive"),
        ]
    return tuple(found)


def refused(name: str, bad: str = "bool") -> tuple[ErrorSample, ...]:
    """An axis that is not there, one named twice, a target that does not fit or fits in two ways."""
    f = getattr(ops, name)
    found = (
        ErrorSample("axis out of range", lambda d: f(d.ones((2, 3)), 2), ShapeError, (f"[{name}]", "axis 2", "rank 2")),
        ErrorSample("axis twice", lambda d: f(d.ones((2, 3)), (0, 0)), ShapeError, (f"[{name}]", "twice")),
        ErrorSample("no such target", lambda d: f(d.ones((2, 3)), to=(4,)), ShapeError, (f"[{name}]", "[4]")),
        ErrorSample("two ways to the target", lambda d: f(d.ones((3, 3)), to=(3,)), ShapeError, (f"[{name}]", "2 ways", "(0,)", "(1,)")),
    )  # fmt: skip
    return (
        (*found, ErrorSample(f"{bad} operand", lambda d: f(d.zeros((2,), bad)), DTypeError, (name,))) if bad else found
    )


def _of(f: Any) -> Any:
    """A reference that takes `axes` or a target shape."""

    def reference(x: Any, axes: Any = None, to: Any = None, **kwargs: Any) -> Any:
        return f(x, _axes_to(x.shape, to) if to is not None else axes, **kwargs)

    return reference


def _axes_to(shape: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    """The axes to drop, for targets that fit in one way only."""
    left = list(to)
    drop = []
    for i, n in enumerate(shape):
        if left and left[0] == n:
            left.pop(0)
        else:
            drop.append(i)
    return tuple(drop)


def _torch(name: str) -> Any:
    def call(t: Any, x: Any, axes: Any = None, to: Any = None, **kwargs: Any) -> Any:
        axes = _axes_to(tuple(x.shape), to) if to is not None else tuple(range(x.ndim)) if axes is None else axes
        if not x.ndim:
            x, axes = x.reshape(1), (0,)
        return getattr(t, name)(x, axes, **kwargs)

    return call


def _one_axis(name: str) -> Any:
    """Functions of PyTorch that take one axis or none."""

    def call(t: Any, x: Any, axes: Any = None, to: Any = None) -> Any:
        axes = _axes_to(tuple(x.shape), to) if to is not None else axes
        if axes is None:
            return getattr(t, name)(x)
        axes = axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes
        return getattr(t, name)(x, axes) if isinstance(axes, int) else None

    return call


def var(x: Any, axes: Any = None, correction: int = 0) -> Any:
    n = int(np.prod([x.shape[a] for a in R.array._axes(axes, len(x.shape))]))
    c = x - R.mean(x, axes, keep=True)
    return R.sum(c * c, axes) * (1.0 / (n - correction) if n > correction else float("nan"))


def norm(x: Any, axes: Any = None, p: float = 2.0) -> Any:
    if p == np.inf:
        return R.max(R.abs(x), axes)
    if p == 1:
        return R.sum(R.abs(x), axes)
    if p == 2:
        square = R.sum(x * x, axes)
        zero = square.v == 0
        return R.where(zero, 0.0, R.sqrt(R.where(zero, 1.0, square)))
    return R.pow(R.sum(R.pow(R.abs(x), p), axes), 1.0 / p)


def logsumexp(x: Any, axes: Any = None) -> Any:
    at = R.array._axes(axes, len(x.shape))
    if not at:
        return x
    m = R.const(R.max(x, axes, keep=True))
    m = R.where(np.isfinite(m.v), m, 0.0)
    y = m + R.log(R.sum(R.exp(x - m), axes, keep=True))
    out = R.move(y, lambda a: a.squeeze(at))
    # the usual form of the gradient, which reads the result: with large results it is less accurate than softmax
    out.inputs, out.pull = (x,), lambda g: (R.reshape(g, y.shape) * R.exp(x - R.Ref(y.v, y.e)),)
    return out


def _wide(d: Any) -> Any:
    from ...core.dtypes import bool_, i64

    return i64 if d is bool_ else d


ties = (S("ties", few(4, 5), axes=1),)
add(OpInfo("sum", _of(R.sum), (*samples(), S("overflow wraps", values(31.0, 31.0, 31.0)).only("int")), takes="any", gives=_wide, family="reduce",
           torch=_torch("sum"), errors=refused("sum", "")))  # fmt: skip
add(OpInfo("prod", _of(R.prod), samples(lambda *s: normal(*s), large=False) + (
    S("one zero", values([[0.0, 2.0, 3.0]]), axes=1), S("two zeros", values([[0.0, 2.0, 0.0]]), axes=1),
), takes="number", family="reduce", torch=_one_axis("prod"), errors=refused("prod")))  # fmt: skip
for _name in ("max", "min"):
    add(OpInfo(_name, _of(getattr(R, _name)), samples(empty=False) + ties, takes="number", family="reduce", torch=_torch("a" + _name),
               errors=(*refused(_name), ErrorSample("an empty axis", lambda d, n=_name: getattr(ops, n)(d.ones((2, 0)), 1), ShapeError,
                                                    (f"[{_name}]", "empty")))))  # fmt: skip
add(
    OpInfo(
        "mean",
        _of(R.mean),
        samples(),
        composite=True,
        family="reduce",
        torch=_torch("mean"),
        errors=refused("mean", "i32"),
    )
)
add(OpInfo("var", _of(var), samples() + (S("unbiased", normal(3, 5), axes=1, correction=1),), composite=True, family="reduce",
           torch=lambda t, x, axes=None, to=None, correction=0: _torch("var")(t, x, axes, to, correction=correction) if x.numel() else None,
           errors=refused("var", "i32")))  # fmt: skip
add(OpInfo("stddev", _of(lambda x, axes=None, eps=0.0: R.sqrt(var(x, axes) + eps)), samples(eps=0.125), composite=True, family="reduce",
           torch=lambda t, x, axes=None, to=None, eps=0.0: (_torch("var")(t, x, axes, to, correction=0) + eps).sqrt() if x.numel() else None,
           errors=refused("stddev", "i32")))  # fmt: skip
add(OpInfo("norm", _of(norm), samples() + tuple(S(f"p = {p}", normal(3, 5), axes=1, p=p) for p in (1.0, 3.0, float("inf"))) + (
    S("zero rows", values([[0.0, 0.0], [3.0, 4.0]]), axes=1),), composite=True, family="reduce",
    torch=lambda t, x, axes=None, to=None, p=2.0: t.linalg.vector_norm(
        x, p, _axes_to(tuple(x.shape), to) if to is not None else axes if x.ndim else None)))  # fmt: skip
_bools = (S("rows", flags(3, 4), axes=1), S("all", flags(3, 4)), S("rank-0", flags()), S("large", flags(257, 263), axes=0).at("standard"),
          S("empty axis", flags(3, 0), axes=1))  # fmt: skip
for _name, _f in (("any", np.any), ("all", np.all)):
    add(OpInfo(_name, _of(lambda x, axes=None, f=_f: Ref(f(x.v, axes))), _bools, takes="bool", gives="bool", grad=False,
               family="reduce", torch=_one_axis(_name), errors=refused(_name, "f32")))  # fmt: skip
add(OpInfo("logsumexp", _of(logsumexp), samples(empty=False) + (
    S("rows of -inf", values([[-np.inf, -np.inf], [1.0, -np.inf]]), axes=1).without_gradient(),
    S("large values", values([[1000.0, 1001.0], [-1000.0, -1001.0]]), axes=1).at("standard"),
), family="reduce", torch=_torch("logsumexp"), errors=refused("logsumexp", "i32")))  # fmt: skip
