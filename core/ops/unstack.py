"""The inverse of `stack`: one tensor into many, in one recorded step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..checks import normalize_axis, shape_error
from ..dispatch import apply
from ..registry import OpSpec, register
from ..tensor import Tensor
from ..types import Signature, TensorType
from ._define import as_tensor, public

if TYPE_CHECKING:
    from ..device import Device


class _Unstack(OpSpec):
    """Slices, each one's axis dropped. As one op its gradient is one `stack`, where slices would add up full-size zeros."""

    through = ("slice",)

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        kernel = device.find(self.name, sig, attrs)
        return kernel if kernel is not None else _by_slices(device, sig, attrs["axis"])


def _by_slices(device: Device, sig: Signature, axis: int) -> Callable[..., Any]:
    (x,) = sig.inputs
    thin = TensorType(tuple([1 if i == axis else n for i, n in enumerate(x.shape)]), x.dtype)
    kernels = []
    for k in range(x.shape[axis]):
        starts = tuple([k if i == axis else 0 for i in range(len(x.shape))])
        stops = tuple([k + 1 if i == axis else n for i, n in enumerate(x.shape)])
        steps = (1,) * len(x.shape)
        kernels.append(
            device.backend.primitive("slice", Signature((x,), (thin,)), starts=starts, stops=stops, steps=steps)
        )
    drop = device.backend.primitive("reshape", Signature((thin,), sig.outputs[:1]), shape=sig.outputs[0].shape)
    return lambda a: tuple([drop(cut(a)) for cut in kernels])


def _infer(x: Tensor, axis: int) -> tuple[TensorType, ...]:
    out = TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)
    return (out,) * x.shape[axis]


def _vjp(e: Any, grads: Any, needs: Any) -> tuple[Tensor]:
    from .join import stack

    parts = grads if isinstance(grads, tuple) else (grads,)
    like = next(g for g in parts if g is not None)
    return (stack([like.device.zeros(like.shape, like.dtype) if g is None else g for g in parts], e.attrs["axis"]),)


_UNSTACK = register(
    _Unstack("unstack", _infer, attrs=("axis",), vjp=_vjp, family="join", doc="The parts of a tensor along an axis.")
)


@public("unbind")
def unstack(x: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along an axis, which they lose: the inverse of `stack`.

    Of a traced x the first part gets the tape and the others get empty ones, which merge where they meet.
    Raises `ShapeError` for a rank of 0 and an axis of size 0.

    >>> import dfdx
    >>> [t.tolist() for t in dfdx.device("cpu").tensor([[1, 2], [3, 4]]).unstack(1)]
    [[1, 3], [2, 4]]
    """
    at = normalize_axis("unstack", axis, as_tensor("unstack", x).rank, x)
    n = x.shape[at]
    if not n:
        raise shape_error("unstack", f"axis {at} is empty", {"x": x})
    if n == 1 or not x.numel:
        shape = (*x.shape[:at], *x.shape[at + 1 :])
        spare = [x.with_empty_tape() for _ in range(n - 1)]
        return (x.reshape(shape),) if n == 1 else tuple([_piece(t, at, k) for k, t in enumerate([x, *spare])])
    return apply(_UNSTACK, (x,), (at,))  # type: ignore[no-any-return]


def _piece(x: Tensor, axis: int, k: int) -> Tensor:
    return x[(slice(None),) * axis + (k,)]
