"""Putting tensors together: concat, stack, and what follows from them (pad, repeat, roll)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..checks import normalize_axis, same_dtype, shape_error
from ..dispatch import apply
from ..dtypes import bool_
from ..errors import ShapeError
from ..registry import Primitive, register
from ..tensor import Tensor
from ..types import Signature, TensorType
from ._define import as_one_op, as_tensor, public

if TYPE_CHECKING:
    from ..device import Device


class _Concat(Primitive):
    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        full = [i for i, t in enumerate(sig.inputs) if t.numel]
        rest = Signature(tuple(sig.inputs[i] for i in full), sig.outputs)
        if len(full) == 1:
            copy = device.backend.primitive("copy", rest)
            return lambda *xs: copy(xs[full[0]])
        kernel = device.backend.primitive("concat", rest, **attrs)
        return lambda *xs: kernel(*[xs[i] for i in full])


def _infer(*xs: Tensor, axis: int) -> TensorType:
    first = xs[0]
    for x in xs[1:]:
        same_dtype("concat", first, x)
        if x.rank != first.rank or any(
            i != axis and m != n for i, (m, n) in enumerate(zip(first.shape, x.shape, strict=True))
        ):
            raise shape_error(
                "concat",
                f"operands differ off axis {axis}",
                {"a": first, "b": x},
                {"a": f"a.shape = {list(first.shape)}", "b": f"b.shape = {list(x.shape)}"},
            )
    n = sum(x.shape[axis] for x in xs)
    return TensorType((*first.shape[:axis], n, *first.shape[axis + 1 :]), first.dtype)


def _vjp(e: Any, g: Tensor, needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    from .move import slice_

    axis, start, parts = e.attrs["axis"], 0, []
    for t, need in zip(e.inputs, needs, strict=True):
        stop = start + t.shape[axis]
        starts = tuple(start if i == axis else 0 for i in range(len(t.shape)))
        stops = tuple(stop if i == axis else n for i, n in enumerate(t.shape))
        parts.append(slice_(g, starts, stops, (1,) * len(t.shape)) if need else None)
        start = stop
    return tuple(parts)


_CONCAT = register(
    _Concat(
        "concat", _infer, attrs=("axis",), vjp=_vjp, family="join", doc="Tensors one after the other along an axis."
    )
)


def _checked(op: str, tensors: Any) -> tuple[Tensor, ...]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise TypeError(f"[{op}] takes a list or tuple of tensors, not {type(tensors).__name__}")
    if not tensors:
        raise ShapeError(f"[{op}] needs at least one tensor")
    return tuple(as_tensor(op, t) for t in tensors)


@public(methods=False)
def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors one after the other along an existing axis; all other dims are equal.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dfdx.concat([dev.zeros((2, 3)), dev.ones((1, 3))]).shape
    (3, 3)
    """
    xs = _checked("concat", tensors)
    at = normalize_axis("concat", axis, xs[0].rank, xs[0])
    return apply(_CONCAT, xs, (at,))


@public("concat_tensor_along")
def concat_along(x: Tensor, other: Tensor, axis: int = 0) -> Tensor:
    """x, then `other`, along an axis."""
    return concat((x, other), axis)


@public(methods=False)
def concat_shape_along(a: tuple[int, ...], b: tuple[int, ...], axis: int = 0) -> tuple[int, ...]:
    """The shape of `concat_along` of tensors of two shapes.

    >>> import dfdx
    >>> dfdx.concat_shape_along((2, 3), (2, 4), 1)
    (2, 7)
    """
    at = normalize_axis("concat_shape_along", axis, len(a))
    if (*a[:at], *a[at + 1 :]) != (*b[:at], *b[at + 1 :]):
        raise ShapeError(f"[concat_shape_along] {list(a)} and {list(b)} differ off axis {at}")
    return (*a[:at], a[at] + b[at], *a[at + 1 :])


@public(methods=False)
@as_one_op
def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dfdx.stack([dev.zeros((3,)), dev.ones((3,))]).shape
    (2, 3)
    """
    xs = _checked("stack", tensors)
    at = normalize_axis("stack", axis, xs[0].rank + 1)
    for x in xs[1:]:
        if x.shape != xs[0].shape:
            raise shape_error(
                "stack",
                "shapes differ",
                {"a": xs[0], "b": x},
                {"a": f"a.shape = {list(xs[0].shape)}", "b": f"b.shape = {list(x.shape)}"},
            )
    shape = xs[0].shape
    if at < len(shape):  # one after the other along that axis, which then falls into two
        return concat(xs, at).reshape((*shape[:at], len(xs), *shape[at:]))
    return concat([x.reshape((*shape, 1)) for x in xs], at)


def filled(x: Tensor, axis: int, n: int, value: Any = 0) -> Tensor:
    """A constant block as wide as x, n long on `axis`."""
    return x.device.full((*x.shape[:axis], n, *x.shape[axis + 1 :]), value, x.dtype)


def pad_axis(x: Tensor, axis: int, before: int, after: int, value: Any = 0) -> Tensor:
    """x with blocks of `value` before and after it on one axis."""
    if not before and not after:
        return x
    parts = [filled(x, axis, before, value)] * bool(before) + [x] + [filled(x, axis, after, value)] * bool(after)
    return concat(parts, axis)


def spread(x: Tensor, axis: int, n: int, start: int, step: int) -> Tensor:
    """Zeros, n long on `axis`, with x at start, start + step, ..."""
    m = x.shape[axis]
    if step > 1 and m > 1:
        split = x.reshape((*x.shape[: axis + 1], 1, *x.shape[axis + 1 :])) if x.rank < 6 else None
        if split is None:
            return _spread_by_scatter(x, axis, n, start, step)
        wide = pad_axis(split, axis + 1, 0, step - 1)
        x = wide.reshape((*x.shape[:axis], m * step, *x.shape[axis + 1 :]))
        x = x[(slice(None),) * axis + (slice(0, (m - 1) * step + 1),)]
    return pad_axis(x, axis, start, n - start - x.shape[axis])


def _spread_by_scatter(x: Tensor, axis: int, n: int, start: int, step: int) -> Tensor:
    index = x.device.arange(x.shape[axis], dtype="i64") * step + start
    turned = tuple([axis, *[i for i in range(x.rank) if i != axis]])
    back = tuple(sorted(range(x.rank), key=turned.__getitem__))
    return x.permute(turned).scatter_add(index, n).permute(back)


@public()
def pad(x: Tensor, widths: Sequence[tuple[int, int]], value: float = 0) -> Tensor:
    """x with `value` around it: one (before, after) per axis, counts not negative."""
    as_tensor("pad", x)
    pairs = [tuple(w) if isinstance(w, (tuple, list)) else (w, w) for w in widths]
    if len(pairs) != x.rank or any(len(p) != 2 or p[0] < 0 or p[1] < 0 for p in pairs):
        raise shape_error(
            "pad",
            f"widths {list(widths)} do not fit",
            {"x": x},
            {"x": f"x.rank = {x.rank}"},
            "one (before, after) per axis, not negative",
        )
    from .unary import number

    if not x.dtype.is_float and float(value).is_integer():
        value = bool(value) if x.dtype is bool_ else int(value)
    fill = number("pad", x, value)
    for axis, (before, after) in enumerate(pairs):
        x = pad_axis(x, axis, before, after, fill)
    return x


@public("tile")
def repeat(x: Tensor, counts: Sequence[int]) -> Tensor:
    """x repeated `counts[i]` times along axis i, as `torch.Tensor.repeat` with one count per axis."""
    as_tensor("repeat", x)
    if len(counts) != x.rank or any(c < 0 for c in counts):
        raise shape_error(
            "repeat", f"counts {list(counts)} do not fit", {"x": x}, {"x": f"x.rank = {x.rank}"}, "one count per axis"
        )
    for axis, n in enumerate(counts):
        if n == 0:
            x = x[(slice(None),) * axis + (slice(0, 0),)]
        elif n > 1:
            x = concat([x] * n, axis)
    return x


@public()
def roll(x: Tensor, amount: int, axis: int = 0) -> Tensor:
    """x shifted by `amount` places towards higher indices, those at the end coming in at the start."""
    at = normalize_axis("roll", axis, as_tensor("roll", x).rank, x)
    n = x.shape[at]
    k = amount % n if n else 0
    if not k:
        return x
    lead = (slice(None),) * at
    return concat([x.with_empty_tape()[(*lead, slice(n - k, n))], x[(*lead, slice(0, n - k))]], at)


@public()
def flip(x: Tensor, axes: Any = None) -> Tensor:
    """x with the order along `axes` reversed."""
    from ..checks import normalize_axes

    for axis in normalize_axes("flip", axes, as_tensor("flip", x).rank, x):
        n = x.shape[axis]
        back = x.device.arange(n, dtype="i64") * -1 + (n - 1)
        turned = (axis, *[i for i in range(x.rank) if i != axis])
        undo = tuple(sorted(range(x.rank), key=turned.__getitem__))
        x = x.permute(turned).gather(back).permute(undo)
    return x
