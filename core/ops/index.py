"""Choosing by index: gather, select, scatter_add; one-hot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..checks import check_shape, dtype_error, normalize_axis, shape_error
from ..dispatch import apply
from ..errors import ShapeError
from ..registry import Primitive, register
from ..tensor import Tensor
from ..types import Signature, TensorType
from ._define import as_tensor, public

if TYPE_CHECKING:
    from ..device import Device


def _check_index(op: str, x: Tensor, index: Tensor, axis: int) -> None:
    if not index.dtype.is_int:
        raise dtype_error(
            op,
            f"the index holds integers, not {index.dtype.name}",
            {"x": x, "index": index},
            "index.to_dtype(dfdx.i64)",
        )
    if index.shape[:axis] != x.shape[:axis]:
        raise shape_error(
            op,
            f"the index must share the {axis} dims before axis {axis}",
            {"x": x, "index": index},
            {"x": f"x.shape[:{axis}] = {list(x.shape[:axis])}", "index": f"index.shape = {list(index.shape)}"},
            "index.broadcast_to(...) gives every row the same index",
        )


class _Gather(Primitive):
    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        raise IndexError(f"[gather] indices into an empty axis of {sig.inputs[0]}")


def _infer_gather(x: Tensor, index: Tensor, axis: int) -> TensorType:
    _check_index("gather", x, index, axis)
    return TensorType((*index.shape, *x.shape[axis + 1 :]), x.dtype)


def _gather_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    axis = e.attrs["axis"]
    return apply(_SCATTER, (g, e.input(1).detach()), (axis, e.inputs[0].shape[axis])), None


_GATHER = register(
    _Gather(
        "gather",
        _infer_gather,
        attrs=("axis",),
        vjp=_gather_vjp,
        saves=(1,),
        family="index",
        doc="Elements by index along an axis, with shared leading dims.",
    )
)


def _infer_scatter(src: Tensor, index: Tensor, axis: int, size: int) -> TensorType:
    if not index.dtype.is_int:
        raise dtype_error(
            "scatter_add",
            f"the index holds integers, not {index.dtype.name}",
            {"x": src, "index": index},
            "index.to_dtype(dfdx.i64)",
        )
    if src.shape[: index.rank] != index.shape or index.rank < axis:
        raise shape_error(
            "scatter_add",
            "the source must begin with the index's dims",
            {"x": src, "index": index},
            {"x": f"x.shape = {list(src.shape)}", "index": f"index.shape = {list(index.shape)}"},
        )
    return TensorType((*index.shape[:axis], size, *src.shape[index.rank :]), src.dtype)


class _Scatter(Primitive):
    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        fill = device.backend.primitive("fill", shape=sig.outputs[0].shape, dtype=sig.outputs[0].dtype)
        return lambda *_: fill(0)


def _scatter_vjp(e: Any, g: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    return apply(_GATHER, (g, e.input(1).detach()), (e.attrs["axis"],)), None


_SCATTER = register(
    _Scatter(
        "scatter_add",
        _infer_scatter,
        attrs=("axis", "size"),
        vjp=_scatter_vjp,
        saves=(1,),
        family="index",
        doc="Zeros with elements added at indices; repeated indices add.",
    )
)


@public()
def gather(x: Tensor, index: Tensor, axis: int = 0) -> Tensor:
    """Elements of x by index along `axis`: out[b.., z.., t..] = x[b.., index[b.., z..], t..].

    * `index`: integers of shape x.shape[:axis] + Z.

    Returns shape x.shape[:axis] + Z + x.shape[axis+1:]. An index out of range is an `IndexError` on a synchronous
    device; elsewhere it reads 0.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dev.tensor([10.0, 20.0, 30.0]).gather(dev.tensor([2, 0, 2])).tolist()
    [30.0, 10.0, 30.0]
    """
    as_tensor("gather", x), as_tensor("gather", index)
    return apply(_GATHER, (x, index), (normalize_axis("gather", axis, x.rank, x),))


@public()
def select(x: Tensor, index: Any, axis: int = 0) -> Tensor:
    """One element of `axis` per row: out[b.., t..] = x[b.., index[b..], t..]; the axis is dropped.

    * `index`: integers of shape x.shape[:axis], or an int.
    """
    at = normalize_axis("select", axis, as_tensor("select", x).rank, x)
    if isinstance(index, int):
        return x[(slice(None),) * at + (index,)]
    if as_tensor("select", index).rank != at:
        raise shape_error(
            "select",
            f"the index of axis {at} has one element per row",
            {"x": x, "index": index},
            {"x": f"x.shape[:{at}] = {list(x.shape[:at])}", "index": f"index.rank = {index.rank}"},
            "gather takes several indices per row",
        )
    return apply(_GATHER, (x, index), (at,))


@public()
def scatter_add(x: Tensor, index: Tensor, size: int, axis: int = 0) -> Tensor:
    """Zeros, `size` long on `axis`, with x added at `index`; the inverse of gather. Repeated indices add."""
    as_tensor("scatter_add", x), as_tensor("scatter_add", index)
    if not isinstance(size, int) or size < 0:
        raise ShapeError(f"[scatter_add] size is a non-negative int, not {size!r}")
    if not 0 <= axis <= index.rank:
        raise ShapeError(f"[scatter_add] axis {axis} is out of range for an index of rank {index.rank}")
    check_shape("scatter_add", (*index.shape[:axis], size))
    return apply(_SCATTER, (x, index), (axis, size))
