"""The wording of shape, dtype and device errors, in one place: op, operands, the numbers that differ, the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .dtypes import DType
from .errors import DeviceMismatchError, DTypeError, ShapeError
from .types import type_text

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = [
    "describe",
    "dtype_error",
    "normalize_axes",
    "normalize_axis",
    "same_device",
    "same_dtype",
    "same_shape",
    "shape_error",
]


def describe(t: Tensor) -> str:
    """`f32[2, 3] on cpu`."""
    return f"{type_text(t.shape, t.dtype)} on {t.device.name}"


def _text(op: str, what: str, operands: dict[str, Tensor], facts: dict[str, Any], hint: str) -> str:
    rows = [(f"{name}: {describe(t)}", facts.get(name, "")) for name, t in operands.items()]
    width = max((len(left) for left, _ in rows), default=0)
    lines = [f"[{op}] {what}", *(f"  {left:<{width}}      {fact}".rstrip() for left, fact in rows)]
    return "\n".join(lines + [f"  hint: {hint}"] * bool(hint))


def shape_error(
    op: str, what: str, operands: dict[str, Tensor], facts: dict[str, Any] | None = None, hint: str = ""
) -> ShapeError:
    """A `ShapeError` in the house form; `facts` are the numbers that differ, by operand."""
    return ShapeError(_text(op, what, operands, facts or {}, hint))


def dtype_error(op: str, what: str, operands: dict[str, Tensor], hint: str = "") -> DTypeError:
    """A `DTypeError` in the house form."""
    return DTypeError(_text(op, what, operands, {}, hint))


def same_device(op: str, tensors: Sequence[Tensor]) -> None:
    """Raise unless all tensors live on one device."""
    first = tensors[0]
    for other in tensors[1:]:
        if other.device.runtime is not first.device.runtime:
            text = _text(
                op,
                "operands are on different devices",
                {"a": first, "b": other},
                {},
                f"b.to_device(a.device) moves b to {first.device.name}",
            )
            raise DeviceMismatchError(text)


def same_dtype(op: str, a: Tensor, b: Tensor) -> None:
    """Raise unless both have one dtype; there is no implicit promotion."""
    if a.dtype is not b.dtype:
        raise dtype_error(
            op, "operands have different dtypes", {"a": a, "b": b}, f"b.to_dtype(dfdx.{a.dtype.name}) converts b"
        )


def same_shape(op: str, a: Tensor, b: Tensor) -> None:
    """Raise unless both have one shape; the hint is the broadcast that would fit."""
    if a.shape == b.shape:
        return
    facts = {"a": f"a.rank = {a.rank}", "b": f"b.rank = {b.rank}"}
    for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=False)):
        if a.rank == b.rank and m != n:
            facts = {"a": f"a.shape[{i}] = {m}", "b": f"b.shape[{i}] = {n}"}
            break
    raise shape_error(op, "shapes differ", {"a": a, "b": b}, facts, _broadcast_hint(a, b))


def _broadcast_hint(a: Tensor, b: Tensor) -> str:
    for small, large, s, n in ((b, a, "b", "a"), (a, b, "a", "b")):
        fits = broadcast_axes(small.shape, large.shape)
        if small.rank < large.rank and fits:
            return f"{s}.broadcast_like({n}, axes={fits[0]}) has shape {list(large.shape)}"
        if small.rank == large.rank and all(m in (1, k) for m, k in zip(small.shape, large.shape, strict=True)):
            ones = tuple(i for i, (m, k) in enumerate(zip(small.shape, large.shape, strict=True)) if m != k)
            kept = tuple(m for i, m in enumerate(small.shape) if i not in ones)
            return f"size-1 dims are not stretched; {s}.reshape({kept}).broadcast_like({n}, axes={ones}) has shape {list(large.shape)}"
    return "operands must have equal shapes: there is no implicit broadcasting"


def broadcast_axes(small: tuple[int, ...], large: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All sets of axes of `large` whose removal leaves `small`."""
    from itertools import combinations

    axes = range(len(large))
    return (
        [c for c in combinations(axes, len(large) - len(small)) if small == tuple(large[i] for i in axes if i not in c)]
        if len(small) <= len(large)
        else []
    )


def normalize_axis(op: str, axis: Any, rank: int, tensor: Tensor | None = None, name: str = "x") -> int:
    """A non-negative axis below `rank`; negative ones count from the end."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise ShapeError(f"[{op}] an axis is an int, not {axis!r}")
    index = axis.__index__()
    if not -rank <= index < rank:
        operands = {name: tensor} if tensor is not None else {}
        hint = f"axes run from {-rank} to {rank - 1}" if rank else "a rank-0 tensor has no axes"
        raise shape_error(op, f"axis {index} is out of range for rank {rank}", operands, hint=hint)
    return index % rank


def normalize_axes(op: str, axes: Any, rank: int, tensor: Tensor | None = None) -> tuple[int, ...]:
    """Distinct, non-negative axes in the order given; None means all."""
    if axes is None:
        return tuple(range(rank))
    if not isinstance(axes, (tuple, list)):
        return (normalize_axis(op, axes, rank, tensor),)
    found = tuple(normalize_axis(op, a, rank, tensor) for a in axes)
    if len(set(found)) != len(found):
        raise shape_error(op, f"axes {tuple(axes)} name an axis twice", {"x": tensor} if tensor is not None else {})
    return found


def check_shape(op: str, shape: Any) -> tuple[int, ...]:
    """A tuple of non-negative ints of rank at most 6."""
    from .types import MAX_RANK

    if isinstance(shape, (str, bytes)) or not isinstance(shape, (tuple, list)):
        raise ShapeError(
            f"[{op}] a shape is a tuple of ints, not {shape!r}"
            + (f"; write ({shape},)" if isinstance(shape, int) else "")
        )
    dims = []
    for d in shape:
        if isinstance(d, bool) or not hasattr(d, "__index__") or d.__index__() < 0:
            raise ShapeError(f"[{op}] a dim is a non-negative int, not {d!r} in {tuple(shape)}")
        dims.append(d.__index__())
    if len(dims) > MAX_RANK:
        raise ShapeError(f"[{op}] rank {len(dims)} of {tuple(dims)} is above {MAX_RANK}")
    return tuple(dims)


def dtype_names(dtypes: Sequence[type[DType]]) -> str:
    return ", ".join(d.name for d in dtypes)
