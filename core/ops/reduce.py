"""Reductions along axes, or to a target shape."""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product
from typing import TYPE_CHECKING, Any

from ..calls import short_call
from ..checks import broadcast_axes, check_shape, dtype_error, normalize_axes, shape_error
from ..dispatch import apply
from ..dtypes import bool_, i64
from ..elementwise import check_takes
from ..errors import ShapeError
from ..registry import Primitive, register
from ..tensor import Tensor
from ..types import Signature, TensorType
from ._define import as_tensor, public

if TYPE_CHECKING:
    from ..device import Device

IDENTITY = {"sum": 0, "prod": 1}


class Reduce(Primitive):
    """One kind of reduction; the primitive `reduce` computes it, or a kernel of the op's own name."""

    through = ("reduce",)
    call: Any  # (x, (axes,))

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        kernel = device.find(self.name, sig, attrs)
        if kernel is None:
            kernel = device.find(
                "reduce", sig, {"kind": self.name, "axes": attrs["axes"], "dtype": sig.outputs[0].dtype}
            )
        if kernel is None:
            raise self.missing(device, sig)
        return kernel

    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        out = sig.outputs[0]
        fill = device.backend.primitive("fill", shape=out.shape, dtype=out.dtype)
        return lambda _: fill(IDENTITY[self.name])


def _infer(name: str, takes: str) -> Callable[..., TensorType]:
    def infer(x: Tensor, axes: tuple[int, ...]) -> TensorType:
        check_takes(name, takes, (x,))
        reduced, kept = [x.shape[a] for a in axes], [n for i, n in enumerate(x.shape) if i not in axes]
        if name in ("max", "min") and 0 in reduced and 0 not in kept:
            raise shape_error(name, "an empty axis has no " + name, {"x": x})
        dtype = i64 if x.dtype is bool_ else x.dtype
        return TensorType(tuple(kept), dtype)

    return infer


def back(g: Tensor, like: Any, axes: tuple[int, ...]) -> Tensor:
    """g repeated along the axes that a reduction removed."""
    return g.broadcast_to(like.shape, axes) if axes else g


def _extremum_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor]:
    """Ties share the gradient equally. Source: `torch.amax`. A NaN result gives NaN."""
    x, y, axes = e.input(0), e.output(), e.attrs["axes"]
    mask = (x.detach() == back(y.detach(), x, axes)).to_dtype(x.dtype.compute)  # in f16 a count may be infinite
    share = widened(g) / mask.sum(axes)
    return (narrow(back(share, x, axes) * mask, x.dtype),)


def _prod_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor]:
    """d prod / d x_i is the product of the others: of the nonzero ones where x_i is the only zero, 0 where there are more."""
    from .compare import where

    x, axes = e.input(0), e.attrs["axes"]
    zero = x.detach() == 0.0
    zeros = back(zero.to_dtype(x.dtype).sum(axes), x, axes)
    filled = where(zero, x.device.ones(x.shape, x.dtype), x)
    nonzero = back(filled.prod(axes), x, axes)
    none, one = zeros == 0.0, zeros == 1.0
    nothing = x.device.zeros(x.shape, x.dtype)
    factor = where(none, nonzero / filled, where(one & zero, nonzero, nothing))
    return (back(g, x, axes) * factor,)


def _define(name: str, takes: str, vjp: Any, saves: tuple[Any, ...], doc: str) -> Any:
    spec = Reduce(name, _infer(name, takes), attrs=("axes",), vjp=vjp, saves=saves, family="reduce", doc=doc)
    register(spec)

    def slow(x: Tensor, attrs: tuple[Any, ...]) -> Tensor:
        return apply(spec, (x,), attrs)

    spec.call = short_call(spec, slow, ("x",), (), has_attrs=True)
    return spec


_SUM = _define("sum", "any", lambda e, g, n: (back(g, e.inputs[0], e.attrs["axes"]),), (), "Sum along axes.")
_PROD = _define("prod", "number", _prod_vjp, (0,), "Product along axes.")
_MAX = _define("max", "number", _extremum_vjp, (0, "out"), "Largest along axes.")
_MIN = _define("min", "number", _extremum_vjp, (0, "out"), "Smallest along axes.")


def axes_of(op: str, x: Any, axes: Any) -> tuple[int, ...]:
    """Axes of x, sorted: an int, distinct ones, or None for all."""
    rank = len(as_tensor(op, x)._type.shape)
    if type(axes) is int and -rank <= axes < rank:  # the usual case, asked at once
        return (axes % rank,)
    if axes is None:
        return tuple(range(rank))
    return tuple(sorted(normalize_axes(op, axes, rank, x)))


def reduced_axes(op: str, x: Any, axes: Any, to: Any) -> tuple[int, ...]:
    """The axes of a reduction, sorted: named, or those that lead to the target shape `to`."""
    if to is None:
        return axes_of(op, x, axes)
    as_tensor(op, x)
    if axes is not None:
        raise ShapeError(f"[{op}] takes axes or a target shape, not both")
    target = check_shape(op, to)
    fits = broadcast_axes(target, x.shape)
    if not fits:
        raise shape_error(
            op, f"cannot be reduced to {list(target)}", {"x": x}, hint="the target holds dims of x in order"
        )
    if len(fits) > 1:
        raise shape_error(
            op,
            f"can be reduced to {list(target)} in {len(fits)} ways: axes = {' or '.join(map(str, fits))}",
            {"x": x},
            hint=f"name the axes: x.{op}({fits[0]})",
        )
    return fits[0]


def _reduce(spec: Any, x: Tensor, axes: Any, to: Any) -> Tensor:
    return spec.call(x, (reduced_axes(spec.name, x, axes, to),))


@public()
def sum_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Sum along `axes` (an int, a tuple, or all), or to the target shape `to`. A sum of bools is i64.

    >>> import dfdx
    >>> dfdx.device("cpu").ones((2, 3)).sum(0).tolist()
    [2.0, 2.0, 2.0]
    """
    return _reduce(_SUM, x, axes, to)


@public()
def prod_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Product along `axes`, or to the target shape `to`."""
    return _reduce(_PROD, x, axes, to)


@public("amax")
def max_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Largest element along `axes`; NaN propagates, ties share the gradient."""
    return _reduce(_MAX, x, axes, to)


@public("amin")
def min_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Smallest element along `axes`; NaN propagates, ties share the gradient."""
    return _reduce(_MIN, x, axes, to)


def _count(x: Tensor, axes: tuple[int, ...]) -> int:
    return product([x.shape[a] for a in axes])


@public()
def mean(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Mean along `axes`, or to the target shape `to`; floats only. The mean of nothing is NaN."""
    found = reduced_axes("mean", x, axes, to)
    if not x.dtype.is_float:
        raise dtype_error("mean", f"takes floats, not {x.dtype.name}", {"x": x}, "x.to_dtype(dfdx.f32) first")
    n = _count(x, found)
    total = _SUM.call(wide(x), (found,))
    return narrow(total * (1.0 / n if n else float("nan")), x.dtype)


def wide(x: Tensor) -> Any:
    """x itself; an amp tensor as f32, in which its composites compute."""
    return x.to_dtype("f32") if x.dtype.is_amp else x


def widened(x: Any) -> Any:
    """x in the dtype in which sums of it accumulate: f32 for every narrow float."""
    return x.to_dtype(x.dtype.compute)


def narrow(x: Any, dtype: Any) -> Any:
    """The way back from `wide` and `widened`."""
    return x.to_dtype(dtype)


def centered(x: Any, axes: tuple[int, ...]) -> Any:
    """x minus its mean along axes."""
    x1, x2 = x, x.with_empty_tape()
    return x1 - back(x2.mean(axes), x, axes)


@public()
def var(x: Tensor, axes: Any = None, *, to: Any = None, correction: int = 0) -> Tensor:
    """Variance along `axes`, biased by default; `correction=1` divides by n - 1."""
    return narrow(_var("var", x, axes, to, correction), as_tensor("var", x).dtype)


def _var(op: str, x: Tensor, axes: Any, to: Any, correction: int) -> Any:
    """The variance, an amp one still in f32; errors name `op`."""
    found = reduced_axes(op, x, axes, to)
    n = _count(x, found)
    if not x.dtype.is_float:
        raise dtype_error(op, f"takes floats, not {x.dtype.name}", {"x": x}, "x.to_dtype(dfdx.f32) first")
    total = centered(wide(x), found).square().sum(found)
    return total * (1.0 / (n - correction) if n > correction else float("nan"))


@public("std")
def stddev(x: Tensor, axes: Any = None, eps: float = 0.0, *, to: Any = None, correction: int = 0) -> Tensor:
    """sqrt(var + eps) along `axes`; with eps = 0 the gradient of equal elements is 0, as in PyTorch."""
    v = _var("stddev", x, axes, to, correction)
    return narrow((v + eps).sqrt(), x.dtype) if eps else safe_sqrt(v, x.dtype)


@public()
def any_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Whether some element along `axes` is true; bool."""
    found = reduced_axes("any", x, axes, to)
    return _as_bool("any", x).sum(found) > 0


@public()
def all_(x: Tensor, axes: Any = None, *, to: Any = None) -> Tensor:
    """Whether every element along `axes` is true; bool."""
    found = reduced_axes("all", x, axes, to)
    return _as_bool("all", x).sum(found) == _count(x, found)


def _as_bool(op: str, x: Tensor) -> Any:
    if x.dtype is not bool_:
        raise dtype_error(op, f"takes bools, not {x.dtype.name}", {"x": x}, "compare first: x != 0")
    return x


@public()
def norm(x: Tensor, axes: Any = None, p: float = 2.0, *, to: Any = None) -> Tensor:
    """Vector norm along `axes`: p = 1, 2, inf, or any p > 0. The gradient of the 2-norm at 0 is 0. Source: `torch.linalg.vector_norm`."""
    found = reduced_axes("norm", x, axes, to)
    if p == float("inf"):
        return max_(x.abs(), found)
    if not p > 0:
        raise ValueError(f"[norm] p must be positive, got {p}")
    if p == 1:
        return x.abs().sum(found)
    if p == 2:
        return safe_sqrt(wide(x).square().sum(found), x.dtype)
    powers = guarded(lambda v: v.abs().powf(p), wide(x)).sum(found)
    return narrow(guarded(lambda v: v.powf(1.0 / p), powers), x.dtype)


def guarded(f: Callable[[Any], Any], x: Any) -> Any:
    """f(x), but value and gradient 0 where x is 0."""
    from .compare import where

    zero = x == 0.0
    return where(zero, 0.0, f(where(zero, 1.0, x)))


def safe_sqrt(x: Any, dtype: Any) -> Any:
    """Square root whose gradient at 0 is 0, in a given dtype."""
    return narrow(guarded(lambda v: v.sqrt(), x), dtype)
