"""Matrix products: `@` by rank, dot, outer, and einsum on top of them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from ..calls import short_call
from ..checks import dtype_error, same_dtype, shape_error
from ..dispatch import apply
from ..registry import Composite, Primitive, register
from ..tensor import Tensor, method
from ..types import Signature, TensorType
from ._define import as_one_op, as_tensor, public

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
    da = _product(g, swap(e.input(1))) if needs[0] else None
    return da, _product(swap(e.input(0)), g) if needs[1] else None


_MATMUL = register(
    _MatMul("matmul", _infer, vjp=_vjp, saves=(0, 1), family="matmul", doc="Matrix product over the last two axes.")
)


def _checked(a: Tensor, b: Tensor) -> Tensor:
    return apply(_MATMUL, (a, b))


_product = short_call(_MATMUL, _checked, ("a", "b"))


def _inner(a: Tensor, b: Tensor) -> Any:
    m, n = a.shape[-1], b.shape[max(b.rank - 2, 0)]
    index = -2 if b.rank > 1 else 0
    swapped = (*range(b.rank - 2), b.rank - 1, b.rank - 2)
    hint = "a @ b needs a.shape[-1] == b.shape[-2]"
    if b.rank > 1 and b.shape[-1] == m:
        shape = [b.shape[i] for i in swapped]
        hint = f"b.permute({swapped}) has shape {shape}; " + hint
    return shape_error(
        "matmul",
        "inner dimensions differ",
        {"a": a, "b": b},
        {"a": f"a.shape[-1] = {m}", "b": f"b.shape[{index}] = {n}"},
        hint,
    )


@public("__matmul__")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product: (K) @ (K, N), (.., M, K) @ (K), (.., M, K) @ (K, N), (.., M, K) @ (.., K, N) with equal leading dims.

    Raises `ShapeError` where inner or leading dims differ, and for two vectors, where it offers `dot` and `outer`.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> (dev.ones((2, 3)) @ dev.ones((3, 4))).shape
    (2, 4)
    """
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        raise TypeError(f"[matmul] takes two tensors, not {type(a).__name__} and {type(b).__name__}")
    m, n = len(a.shape), len(b.shape)
    if m == 0 or n == 0 or (m == 1 and n == 1):
        hint = "a.dot(b) gives the number, a.outer(b) the matrix" if m == n == 1 else "a * b multiplies by a number"
        raise shape_error(
            "matmul",
            "two vectors have two products" if m == n == 1 else "a rank-0 operand",
            {"a": a, "b": b},
            {"a": f"a.rank = {m}", "b": f"b.rank = {n}"},
            hint,
        )
    if a.shape[-1] != b.shape[-2 if n > 1 else 0]:
        raise _inner(a, b)
    if m == n == 2:
        return _product(a, b)
    if n <= 2:
        return _flattened(a, b)
    if a.shape[:-2] != b.shape[:-2]:
        raise _leading(a, b)
    return _product(a, b)


def _leading(a: Tensor, b: Tensor) -> Any:
    fits = b.rank > a.rank and b.shape[b.rank - a.rank : -2] == a.shape[:-2]
    hint = "leading dims must be equal: there is no implicit broadcasting"
    if a.rank == 1:
        hint = f"a.reshape((1, {a.shape[0]})) is a matrix, which broadcast_to gives to every one of b"
    elif fits:
        hint = f"a.broadcast_to({(*b.shape[:-2], *a.shape[-2:])}) repeats a"
    facts = {"a": f"a.shape[:-2] = {list(a.shape[:-2])}", "b": f"b.shape[:-2] = {list(b.shape[:-2])}"}
    return shape_error("matmul", "leading dimensions differ", {"a": a, "b": b}, facts, hint)


@as_one_op
def _flattened(a: Any, b: Any) -> Any:
    """A vector or a batch beside one matrix: as a product of two matrices."""
    out = (*a.shape[:-1], *b.shape[1:])
    return apply(
        _MATMUL, (a.reshape((prod(a.shape[:-1]), a.shape[-1])), b.reshape((b.shape[0], prod(b.shape[1:]))))
    ).reshape(out)


_flattened.__name__ = "matmul"


def _rmatmul(b: Tensor, a: Any) -> Tensor:
    raise TypeError(f"[matmul] takes two tensors, not {type(a).__name__}")


method(_rmatmul, "__rmatmul__")


@public()
@as_one_op
def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of two vectors of one length."""
    as_tensor("dot", a), as_tensor("dot", b)
    if a.rank != 1 or b.rank != 1 or a.shape != b.shape:
        raise shape_error(
            "dot",
            "takes two vectors of one length",
            {"a": a, "b": b},
            {"a": f"a.shape = {list(a.shape)}", "b": f"b.shape = {list(b.shape)}"},
        )
    return matmul(a.reshape((1, a.shape[0])), b.reshape((b.shape[0], 1))).reshape(())


@public()
@as_one_op
def outer(a: Tensor, b: Tensor) -> Tensor:
    """Outer product of vectors (M) and (N): (M, N)."""
    as_tensor("outer", a), as_tensor("outer", b)
    if a.rank != 1 or b.rank != 1:
        raise shape_error(
            "outer", "takes two vectors", {"a": a, "b": b}, {"a": f"a.rank = {a.rank}", "b": f"b.rank = {b.rank}"}
        )
    return matmul(a.reshape((a.shape[0], 1)), b.reshape((1, b.shape[0])))


def _linear_rule(x: Tensor, w: Tensor, b: Tensor | None = None) -> TensorType:
    same_dtype("linear", x, w)
    if not x.dtype.is_float:
        raise dtype_error("linear", f"takes floats, not {x.dtype.name}", {"x": x})
    if w.rank != 2 or not x.rank or x.shape[-1] != w.shape[1]:
        last = x.shape[-1] if x.rank else "none"
        raise shape_error(
            "linear",
            "the last axis of x must have as many features as the weight's",
            {"x": x, "weight": w},
            {"x": f"x.shape[-1] = {last}", "weight": f"weight.shape = {list(w.shape)}"},
            "weight is (out, in); x is (..., in)",
        )
    if b is not None:
        same_dtype("linear", x, b)
        if b.shape != (w.shape[0],):
            raise shape_error(
                "linear",
                "the bias has one element per output feature",
                {"bias": b, "weight": w},
                {"bias": f"bias.shape = {list(b.shape)}", "weight": f"weight.shape[0] = {w.shape[0]}"},
            )
    return TensorType((*x.shape[:-1], w.shape[0]), x.dtype)


def _linear_body(x: Any, w: Any, b: Any = None) -> Tensor:
    if b is None:
        return matmul(x, swap(w))
    from .reduce import narrow, wide  # an amp result is rounded once, after the bias

    y = matmul(wide(x), swap(wide(w)))
    return narrow(y + wide(b).broadcast_to(y.shape, tuple(range(y.rank - 1))), x.dtype)


def _linear_vjp(e: Any, g: Any, needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    """dx = g W, dW = g^T x, db = the sum of g over rows."""
    w_shape = e.inputs[1].shape
    dx = matmul(g, e.input(1)) if needs[0] else None
    dw = db = None
    if needs[1]:
        x = e.input(0)
        rows = x.numel // w_shape[1] if w_shape[1] else 0
        flat_g = g if g.rank == 2 else g.reshape((rows, w_shape[0]))
        dw = matmul(swap(flat_g), x if x.rank == 2 else x.reshape((rows, w_shape[1])))
    if len(needs) > 2 and needs[2]:
        db = g.sum(tuple(range(g.rank - 1))) if g.rank > 1 else g
    return (dx, dw, db)[: len(needs)]


_LINEAR = register(
    Composite("linear", _linear_rule, _linear_body, vjp=_linear_vjp, saves=(0, 1), family="matmul", doc="x W^T + b.")
)


def _biased(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return apply(_LINEAR, (as_tensor("linear", x), weight, bias))


_biased = short_call(_LINEAR, _biased, ("x", "weight", "bias"))


@public()
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b: x (..., in), weight (out, in), bias (out) or None; (..., out)."""
    if bias is None:
        return apply(_LINEAR, (as_tensor("linear", x), weight))
    return _biased(x, weight, bias)
