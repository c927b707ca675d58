"""Sums of products by labelled axes, two operands at a time through `matmul`."""

from __future__ import annotations

from collections import Counter
from math import prod
from string import ascii_letters
from typing import Any

from ..checks import dtype_error, shape_error
from ..errors import ShapeError
from ..tensor import Tensor
from ._define import as_one_op, as_tensor, public
from .matmul import matmul
from .reduce import narrow, wide


def _labels(term: str, x: Tensor, free: str) -> str:
    """One letter per axis of x; those under an ellipsis take the last of `free`."""
    before, dots, after = term.partition("...")
    named = before + after
    if not all(c in ascii_letters for c in named):
        raise ShapeError(f"[einsum] axes are named by letters, not as in {term!r}")
    hidden = x.rank - len(named)
    if hidden < 0 or (hidden and not dots):
        hint = "one letter per axis, or ... for the rest"
        raise shape_error("einsum", f"{term!r} names {len(named)} axes", {"x": x}, {"x": f"x.rank = {x.rank}"}, hint)
    return before + free[len(free) - hidden :] + after


def _parsed(equation: str, xs: tuple[Tensor, ...]) -> tuple[list[str], str]:
    """(labels of each operand, labels of the result)."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ShapeError(f"[einsum] {equation!r} has {len(terms)} terms for {len(xs)} tensors")
    free = "".join(c for c in ascii_letters if c not in equation)[:6]
    inputs = [_labels(t, x, free) for t, x in zip(terms, xs, strict=True)]
    dots = "".join(c for c in free if any(c in labels for labels in inputs))
    counts = Counter("".join(inputs))
    if not arrow:
        right = "..." + "".join(sorted(c for c, n in counts.items() if n == 1 and c not in free))
    output = right.replace("...", dots)
    if len(set(output)) != len(output) or any(c not in counts for c in output):
        raise ShapeError(f"[einsum] the result {right!r} of {equation!r} must name axes of the operands, each once")
    return inputs, output


def _sizes(inputs: list[str], xs: tuple[Tensor, ...]) -> dict[str, int]:
    sizes: dict[str, tuple[int, Tensor]] = {}
    for labels, x in zip(inputs, xs, strict=True):
        for axis, c in enumerate(labels):
            n, first = sizes.setdefault(c, (x.shape[axis], x))
            if n != x.shape[axis]:
                facts = {"a": f"{c!r} = {n}", "b": f"{c!r} = {x.shape[axis]}"}
                raise shape_error("einsum", f"axis {c!r} has two sizes", {"a": first, "b": x}, facts)
    return {c: n for c, (n, _) in sizes.items()}


def _distinct(x: Any, labels: str) -> tuple[Any, str]:
    """A label that stands twice means the diagonal of its two axes: every (n + 1)-th element of both as one."""
    for c in labels:
        while labels.count(c) > 1:
            i, j = labels.index(c), labels.rindex(c)
            n = x.shape[i]
            rest = [k for k in range(x.rank) if k not in (i, j)]
            x = x.permute((i, j, *rest)).reshape((n * n, *[x.shape[k] for k in rest]))[:: n + 1]
            labels = c + "".join(labels[k] for k in rest)
    return x, labels


def _summed(x: Any, labels: str, keep: set[str]) -> tuple[Any, str]:
    """x without the axes that nobody needs any more."""
    gone = tuple(i for i, c in enumerate(labels) if c not in keep)
    return (x.sum(gone) if gone else x), "".join(c for c in labels if c in keep)


def _as_matrices(x: Any, labels: str, groups: tuple[str, str, str], sizes: dict[str, int]) -> Any:
    """The axes in three groups: a batch of matrices."""
    turned = x.permute(tuple(labels.index(c) for c in "".join(groups)))
    return turned.reshape(tuple(prod(sizes[c] for c in g) for g in groups))


def _product(a: Any, la: str, b: Any, lb: str, keep: set[str], sizes: dict[str, int]) -> tuple[Any, str]:
    batch = "".join(c for c in la if c in lb and c in keep)
    inner = "".join(c for c in la if c in lb and c not in keep)
    left, right = "".join(c for c in la if c not in lb), "".join(c for c in lb if c not in la)
    y = matmul(_as_matrices(a, la, (batch, left, inner), sizes), _as_matrices(b, lb, (batch, inner, right), sizes))
    labels = batch + left + right
    return y.reshape(tuple(sizes[c] for c in labels)), labels


@public(methods=False)
@as_one_op
def einsum(equation: str, *tensors: Tensor) -> Tensor:
    """The sum of products over the axes that the result does not name. Source: `torch.einsum`.

    * `equation`: a term of one letter per axis for each tensor, then `->` and those of the result; without `->` it has the
      letters that stand once, in order. `...` stands for further axes; a letter twice in a term is a diagonal.

    Operands are multiplied from left to right. Raises `ShapeError` where one letter has two sizes.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dfdx.einsum("bij,bjk->bik", dev.ones((2, 3, 4)), dev.ones((2, 4, 5))).shape
    (2, 3, 5)
    """
    for x in tensors:
        if as_tensor("einsum", x).dtype.kind == "bool":
            raise dtype_error("einsum", "takes numbers, not bool", {"x": x})
    inputs, output = _parsed(equation, tensors)
    sizes = _sizes(inputs, tensors)
    pending = [_distinct(wide(x), labels) for x, labels in zip(tensors, inputs, strict=True)]
    value: Any = None
    labels = ""
    for i, (x, term) in enumerate(pending):
        keep = set(output).union(*[later for _, later in pending[i + 1 :]])
        if value is None:
            value, labels = _summed(x, term, keep)
            continue
        a, la = _summed(value, labels, keep | set(term))
        b, lb = _summed(x, term, keep | set(labels))
        value, labels = _product(a, la, b, lb, keep, sizes)
    value, labels = _summed(value, labels, set(output))
    return narrow(value.permute(tuple(labels.index(c) for c in output)), tensors[0].dtype)
