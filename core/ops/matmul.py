"""Matrix products: `@` by rank, dot, outer, and einsum on top of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..checks import dtype_error, same_dtype, shape_error
from ..dispatch import apply
from ..registry import Primitive, register
from ..tensor import Tensor, method
from ..types import Signature, TensorType
from ._define import as_tensor, public
from .reduce import narrow, wide

if TYPE_CHECKING:
    from ..device import Device


class _MatMul(Primitive):
    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        fill = device.backend.primitive("fill", shape=sig.outputs[0].shape, dtype=sig.outputs[0].dtype)
        return lambda *_: fill(0)  # an empty inner axis sums to 0


def _infer(a: Tensor, b: Tensor) -> TensorType:
    same_dtype("matmul", a, b)
    if not a.dtype.is_float and not a.dtype.is_int:
        raise dtype_error("matmul", f"takes numbers, not {a.dtype.name}", {"a": a, "b": b})
    return TensorType((*a.shape[:-1], b.shape[-1]), a.dtype)


def swap(x: Any) -> Any:
    """The last two axes exchanged, without a copy."""
    n = x.rank
    return x.permute((*range(n - 2), n - 1, n - 2))


def _vjp(e: Any, g: Any, needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    g2 = g.with_empty_tape()
    da = apply(_MATMUL, (g, swap(e.input(1)))) if needs[0] else None
    db = apply(_MATMUL, (swap(e.input(0)), g2)) if needs[1] else None
    return da, db


_MATMUL = register(_MatMul("matmul", _infer, vjp=_vjp, saves=(0, 1), family="matmul", doc="Matrix product over the last two axes."))


def _inner(a: Tensor, b: Tensor) -> Any:
    m, n = a.shape[-1], b.shape[max(b.rank - 2, 0)]
    index = -2 if b.rank > 1 else 0
    swapped = (*range(b.rank - 2), b.rank - 1, b.rank - 2)
    hint = "a @ b needs a.shape[-1] == b.shape[-2]"
    if b.rank > 1 and b.shape[-1] == m:
        shape = [b.shape[i] for i in swapped]
        hint = f"b.permute({swapped}) has shape {shape}; " + hint
    return shape_error("matmul", "inner dimensions differ", {"a": a, "b": b}, {"a": f"a.shape[-1] = {m}", "b": f"b.shape[{index}] = {n}"}, hint)


@public("__matmul__")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product: (K) @ (K, N), (.., M, K) @ (K), (.., M, K) @ (K, N), (.., M, K) @ (.., K, N) with equal leading dims.

    Raises `ShapeError` where inner or leading dims differ, and for two vectors, where it offers `dot` and `outer`.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> (dev.ones((2, 3)) @ dev.ones((3, 4))).shape
    (2, 4)
    """
    if not isinstance(b, Tensor):
        raise TypeError(f"[matmul] takes two tensors, not {type(b).__name__}")
    m, n = len(a.shape), len(b.shape)
    if m == 0 or n == 0 or (m == 1 and n == 1):
        hint = "a.dot(b) gives the number, a.outer(b) the matrix" if m == n == 1 else "a * b multiplies by a number"
        raise shape_error("matmul", "two vectors have two products" if m == n == 1 else "a rank-0 operand", {"a": a, "b": b}, {"a": f"a.rank = {m}", "b": f"b.rank = {n}"}, hint)
    if a.shape[-1] != b.shape[-2 if n > 1 else 0]:
        raise _inner(a, b)
    if m == 2 and n == 2:
        return apply(_MATMUL, (a, b))  # type: ignore[no-any-return]
    if m == 1:
        if n > 2:
            raise shape_error("matmul", "a vector meets a matrix, not a batch", {"a": a, "b": b}, {"a": "a.rank = 1", "b": f"b.rank = {n}"}, "a.broadcast_to(...) gives every matrix its vector")
        return matmul(a.reshape((1, a.shape[0])), b).reshape((b.shape[1],))  # type: ignore[attr-defined, no-any-return]
    if n == 1:
        return matmul(a, b.reshape((b.shape[0], 1))).reshape(a.shape[:-1])  # type: ignore[attr-defined, no-any-return]
    if n == 2:
        rows = 1
        for d in a.shape[:-1]:
            rows *= d
        return matmul(a.reshape((rows, a.shape[-1])), b).reshape((*a.shape[:-1], b.shape[-1]))  # type: ignore[attr-defined, no-any-return]
    if a.shape[:-2] != b.shape[:-2]:
        fits = b.rank > a.rank and b.shape[b.rank - a.rank : -2] == a.shape[:-2]
        hint = f"a.broadcast_to({(*b.shape[:-2], *a.shape[-2:])}) repeats a" if fits else "leading dims must be equal: there is no implicit broadcasting"
        raise shape_error("matmul", "leading dimensions differ", {"a": a, "b": b}, {"a": f"a.shape[:-2] = {list(a.shape[:-2])}", "b": f"b.shape[:-2] = {list(b.shape[:-2])}"}, hint)
    return apply(_MATMUL, (a, b))  # type: ignore[no-any-return]


def _rmatmul(b: Tensor, a: Any) -> Tensor:
    raise TypeError(f"[matmul] takes two tensors, not {type(a).__name__}")


method(_rmatmul, "__rmatmul__")


@public()
def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of two vectors of one length."""
    as_tensor("dot", a), as_tensor("dot", b)
    if a.rank != 1 or b.rank != 1 or a.shape != b.shape:
        raise shape_error("dot", "takes two vectors of one length", {"a": a, "b": b}, {"a": f"a.shape = {list(a.shape)}", "b": f"b.shape = {list(b.shape)}"})
    return matmul(a.reshape((1, a.shape[0])), b.reshape((b.shape[0], 1))).reshape(())  # type: ignore[attr-defined, no-any-return]


@public()
def outer(a: Tensor, b: Tensor) -> Tensor:
    """Outer product of vectors (M) and (N): (M, N)."""
    as_tensor("outer", a), as_tensor("outer", b)
    if a.rank != 1 or b.rank != 1:
        raise shape_error("outer", "takes two vectors", {"a": a, "b": b}, {"a": f"a.rank = {a.rank}", "b": f"b.rank = {b.rank}"})
    return matmul(a.reshape((a.shape[0], 1)), b.reshape((1, b.shape[0])))  # type: ignore[attr-defined, no-any-return]


__all__ = ["dot", "matmul", "narrow", "outer", "swap", "wide"]
