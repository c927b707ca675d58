"""Views: the same elements under another shape. Of an untraced tensor they are the same value for gradients."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from ..checks import broadcast_axes, check_shape, normalize_axes, shape_error
from ..dispatch import apply
from ..errors import ShapeError
from ..registry import Composite, OpSpec, Primitive, register
from ..tensor import Tensor, method
from ..types import Signature, TensorType
from ._define import as_tensor, public

if TYPE_CHECKING:
    from ..device import Device


class View(Primitive):
    """A primitive whose result may share storage with its input."""

    is_view = True

    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        return None


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _infer_permute(x: Tensor, axes: tuple[int, ...]) -> TensorType:
    return TensorType(tuple([x.shape[a] for a in axes]), x.dtype)


_PERMUTE: OpSpec = register(
    View(
        "permute",
        _infer_permute,
        attrs=("axes",),
        family="move",
        vjp=lambda e, g, n: (apply(_PERMUTE, (g,), (_inverse(e.attrs["axes"]),)),),
        doc="Axes in another order.",
    )
)


@public()
def permute(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The axes in another order: axis i of the result is axis `axes[i]` of x.

    >>> import dfdx
    >>> dfdx.device("cpu").zeros((2, 3, 4)).permute((2, 0, 1)).shape
    (4, 2, 3)
    """
    as_tensor("permute", x)
    if not isinstance(axes, (tuple, list)):
        raise ShapeError(f"[permute] takes a tuple of axes, not {axes!r}")
    found = normalize_axes("permute", axes, x.rank, x)
    if len(found) != x.rank:
        raise shape_error(
            "permute",
            f"{tuple(axes)} names {len(found)} axes",
            {"x": x},
            {"x": f"x.rank = {x.rank}"},
            "name every axis once",
        )
    return apply(_PERMUTE, (x,), (found,))


def _transposed(x: Tensor) -> Tensor:
    return permute(x, tuple(reversed(range(x.rank))))


Tensor.T = property(  # type: ignore[attr-defined]
    _transposed, doc="All axes in reverse order."
)


def _infer_broadcast(x: Tensor, shape: tuple[int, ...], axes: tuple[int, ...]) -> TensorType:
    return TensorType(shape, x.dtype)


def _broadcast_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor]:
    return (g.sum(e.attrs["axes"]),)


_BROADCAST = register(
    View(
        "broadcast",
        _infer_broadcast,
        attrs=("shape", "axes"),
        family="move",
        vjp=_broadcast_vjp,
        doc="New axes along which the value repeats.",
    )
)


@public("broadcast")
def broadcast_to(x: Tensor, shape: tuple[int, ...], axes: Any = None) -> Tensor:
    """x repeated along new axes, without copying.

    * `shape`: that of the result; it holds the dims of x in order.
    * `axes`: which of its axes are new; may be left out where only one choice fits.

    Raises `ShapeError` where x does not fit, or fits in several ways, which it lists.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([1.0, 2.0]).broadcast_to((3, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """
    as_tensor("broadcast_to", x)
    target = check_shape("broadcast_to", shape)
    if axes is not None:
        new = tuple(sorted(normalize_axes("broadcast_to", axes, len(target))))
        kept = tuple(n for i, n in enumerate(target) if i not in new)
        if kept != x.shape:
            raise shape_error(
                "broadcast_to",
                f"without axes {new} the target {list(target)} is {list(kept)}",
                {"x": x},
                {"x": f"x.shape = {list(x.shape)}"},
                _fits("axes", x.shape, target),
            )
    else:
        fits = broadcast_axes(x.shape, target)
        if len(set(fits)) != 1:
            what = (
                f"cannot become {list(target)}"
                if not fits
                else f"can become {list(target)} in {len(fits)} ways: axes = {' or '.join(map(str, fits))}"
            )
            hint = (
                "name the new axes, e.g. axes=" + str(fits[0])
                if fits
                else "the target holds the dims of x in order, plus new axes; size-1 dims are not stretched"
            )
            raise shape_error("broadcast_to", what, {"x": x}, hint=hint)
        new = fits[0]
    if not new:
        return x
    return apply(_BROADCAST, (x,), (target, new))


def _fits(name: str, small: tuple[int, ...], large: tuple[int, ...]) -> str:
    fits = broadcast_axes(small, large)
    return f"{name} = {' or '.join(map(str, fits))} would fit" if fits else "no choice of axes fits"


@public()
def broadcast_like(x: Tensor, other: Any, axes: Any = None) -> Tensor:
    """x broadcast to the shape of another tensor, or to a shape."""
    return broadcast_to(x, other.shape if isinstance(other, Tensor) else other, axes)


def _infer_reshape(x: Tensor, shape: tuple[int, ...]) -> TensorType:
    return TensorType(shape, x.dtype)


_RESHAPE: OpSpec = register(
    View(
        "reshape",
        _infer_reshape,
        attrs=("shape",),
        family="move",
        vjp=lambda e, g, n: (apply(_RESHAPE, (g,), (e.inputs[0].shape,)),),
        doc="The same elements in row-major order under another shape.",
    )
)


@public("view")
def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same elements in row-major order under another shape; one dim may be -1.

    Raises `ShapeError` where the counts differ.

    >>> import dfdx
    >>> dfdx.device("cpu").arange(6).reshape((2, -1)).shape
    (2, 3)
    """
    as_tensor("reshape", x)
    target = shape
    if isinstance(shape, (tuple, list)) and list(shape).count(-1) == 1:
        rest = prod(d for d in shape if d != -1)
        target = tuple((x.numel // rest if rest else 0) if d == -1 else d for d in shape)
    target = check_shape("reshape", target)
    if prod(target) != x.numel:
        raise shape_error(
            "reshape",
            f"{list(shape)} has another number of elements",
            {"x": x},
            {"x": f"x.numel = {x.numel}, target = {prod(target)}"},
        )
    return x if target == x.shape else apply(_RESHAPE, (x,), (target,))


@public()
def reshape_like(x: Tensor, other: Any) -> Tensor:
    """x under the shape of another tensor, or under a shape."""
    return reshape(x, other.shape if isinstance(other, Tensor) else other)


@public()
def flatten(x: Tensor) -> Tensor:
    """All elements as a vector."""
    return reshape(x, (x.numel,))


@public()
def realize(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x itself, after checking that it has this shape: how a run-time size becomes a known one."""
    if check_shape("realize", shape) != as_tensor("realize", x).shape:
        raise shape_error(
            "realize", f"the value does not have shape {list(shape)}", {"x": x}, {"x": f"x.shape = {list(x.shape)}"}
        )
    return x


_CONTIGUOUS = register(
    Primitive(
        "contiguous",
        lambda x: TensorType(x.shape, x.dtype),
        family="move",
        vjp=lambda e, g, n: (g,),
        doc="The same value in row-major storage.",
    )
)
_CONTIGUOUS.is_view = True


@public()
def contiguous(x: Tensor) -> Tensor:
    """The same value in row-major storage, copied only if it was a strided view."""
    return apply(_CONTIGUOUS, (as_tensor("contiguous", x),))


def _infer_slice(x: Tensor, starts: tuple[int, ...], stops: tuple[int, ...], steps: tuple[int, ...]) -> TensorType:
    return TensorType(tuple([max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps, strict=True)]), x.dtype)


def _slice_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor]:
    return (apply(_UNSLICE, (g,), (e.inputs[0].shape, e.attrs["starts"], e.attrs["steps"])),)


_SLICE = register(
    View(
        "slice",
        _infer_slice,
        attrs=("starts", "stops", "steps"),
        family="move",
        vjp=_slice_vjp,
        doc="Every step-th element from start to stop, on each axis.",
    )
)


def _unslice_body(g: Tensor, shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> Tensor:
    """Zeros of `shape` with g at start, start + step, ...: spread by zeros, then pad."""
    from .join import spread

    for axis, (n, a, s) in enumerate(zip(shape, starts, steps, strict=True)):
        g = spread(g, axis, n, a, s)
    return g


def _unslice_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor]:
    a = e.attrs
    stops = tuple(
        [s + (n - 1) * t + 1 if n else s for s, n, t in zip(a["starts"], e.inputs[0].shape, a["steps"], strict=True)]
    )
    return (apply(_SLICE, (g,), (a["starts"], stops, a["steps"])),)


_UNSLICE = register(
    Composite(
        "unslice",
        lambda g, shape, starts, steps: TensorType(shape, g.dtype),
        _unslice_body,
        attrs=("shape", "starts", "steps"),
        vjp=_unslice_vjp,
        family="move",
        doc="Zeros with a tensor put at strided places: the gradient of slice.",
    )
)


def place(x: Tensor, shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Zeros of `shape` with x at start, start + step, ... on each axis."""
    return apply(_UNSLICE, (x,), (shape, starts, steps))


def slice_(x: Tensor, starts: tuple[int, ...], stops: tuple[int, ...], steps: tuple[int, ...]) -> Tensor:
    """The slice itself, on normalised bounds."""
    if not any(starts) and stops == x.shape and all(s == 1 for s in steps):
        return x
    return apply(_SLICE, (x,), (starts, stops, steps))


def _getitem(x: Tensor, key: Any) -> Tensor:
    keys = list(key) if isinstance(key, tuple) else [key]
    if keys.count(Ellipsis) > 1:
        raise ShapeError("[getitem] only one ellipsis is possible")
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (x.rank - len(keys) + 1)
    if len(keys) > x.rank:
        raise shape_error("getitem", f"{len(keys)} indices for rank {x.rank}", {"x": x})
    keys += [slice(None)] * (x.rank - len(keys))
    starts, stops, steps, dropped = [], [], [], []
    for axis, (k, n) in enumerate(zip(keys, x.shape, strict=True)):
        a, b, s = _bounds(x, axis, k, n)
        starts.append(a)
        stops.append(b)
        steps.append(s)
        if not isinstance(k, slice):
            dropped.append(axis)
    out = slice_(x, tuple(starts), tuple(stops), tuple(steps))
    return reshape(out, tuple(n for i, n in enumerate(out.shape) if i not in dropped)) if dropped else out


def _bounds(x: Tensor, axis: int, key: Any, n: int) -> tuple[int, int, int]:
    if isinstance(key, slice):
        if key.step is not None and key.step <= 0:
            raise ShapeError(f"[getitem] steps are positive, not {key.step}; x.flip(axis) reverses an axis")
        a, b, s = key.indices(n)
        return a, max(a, b), s
    if isinstance(key, (bool, Tensor, list, EllipsisType)) or key is None or not hasattr(key, "__index__"):
        raise ShapeError(
            f"[getitem] takes ints, slices and an ellipsis, not {type(key).__name__}\n  hint: reshape adds axes, where masks, select and gather take index tensors"
        )
    i = key.__index__()
    if not -n <= i < n:
        raise IndexError(f"[getitem] index {i} is out of range for axis {axis} of {x.type_text}")
    return i % n, i % n + 1, 1


method(_getitem, "__getitem__")


def _iter(x: Tensor) -> Any:
    if not x.shape:
        raise TypeError("iteration over a rank-0 tensor")
    if x._serial is None:
        return (_getitem(x, i) for i in range(x.shape[0]))
    return (_getitem(x.with_empty_tape(), i) for i in range(x.shape[0]))


method(_iter, "__iter__")


@public("slice")
def slice_tensor(x: Tensor, ranges: tuple[Any, ...]) -> Tensor:
    """One range, slice or pair (start, stop) per axis: `x.slice((range(1, 3), slice(None)))`."""
    keys = []
    for r in ranges:
        if isinstance(r, range):
            r = slice(r.start, r.stop, r.step)
        elif isinstance(r, tuple):
            r = slice(*r)
        keys.append(r)
    if len(keys) != x.rank:
        raise shape_error(
            "slice",
            f"{len(keys)} ranges for rank {x.rank}",
            {"x": x},
            hint="one range per axis; x[...] implies trailing ones",
        )
    for axis, (k, n) in enumerate(zip(keys, x.shape, strict=True)):
        if isinstance(k, slice) and (k.stop or 0) > n:
            raise shape_error(
                "slice", f"the range of axis {axis} ends at {k.stop}", {"x": x}, {"x": f"x.shape[{axis}] = {n}"}
            )
    return _getitem(x, tuple(keys))
