"""Reverse-mode differentiation of expressions, on the graph of shared nodes."""

from __future__ import annotations

from collections.abc import Sequence

from .functions import NATIVE, eq, logistic_exponent, sigmoid
from .nodes import Expr, arg, const, is_const, row_sum, select, walk
from .program import kind_of

__all__ = ["vjp"]


def vjp(
    outputs: Sequence[Expr],
    out_grads: Sequence[Expr | None],
    wrt: Sequence[int],
    in_kinds: tuple[str, ...] = (),
    grad_kinds: tuple[str, ...] = (),
) -> list[Expr]:
    """The gradient of each argument in `wrt`, given those of the outputs.

    * `in_kinds`: kinds of the arguments of a row program, `out_grads` included under their numbers (through `grad_kinds`).

    A per-row node used in a full context is broadcast, so its adjoint is a row_sum; a per-column argument's gradient is
    full-size, to be reduced by the caller. Maximum and minimum share the gradient among ties. An argument that no output
    depends on has gradient 0.
    """
    kinds = in_kinds + grad_kinds
    adjoint: dict[Expr, Expr] = {}

    def give(node: Expr, g: Expr | None) -> None:
        if g is None or is_const(g, 0):
            return
        if kinds and kind_of(node, kinds) == "row" and kind_of(g, kinds) in ("full", "col"):
            g = row_sum(g)
        former = adjoint.get(node)
        adjoint[node] = g if former is None else former + g

    for out, g in zip(outputs, out_grads, strict=True):
        give(out, g)
    needed = {n for n in walk(outputs) if n.arg_indices() & set(wrt)}
    for node in reversed(list(walk(outputs))):
        adj = adjoint.get(node)
        if adj is None or not node.args or node not in needed:
            continue
        z = logistic_exponent(node)
        if z is not None:
            give(z, -(adj * (node * sigmoid(z))))
            continue
        for a, part in zip(node.args, _adjoints(node, adj), strict=True):
            if a in needed:
                give(a, part)
    return [adjoint.get(arg(i), const(0.0)) for i in wrt]


def _adjoints(node: Expr, g: Expr) -> tuple[Expr | None, ...]:
    if node.op == "row_sum":
        return (g,)
    if node.op in ("row_max", "row_min"):
        x = node.args[0]
        ties = select(eq(x, node), const(1.0), const(0.0))
        return (select(eq(x, node), g / row_sum(ties), const(0.0)),)
    function = NATIVE.get(node.op)
    if function is None or function.derivative is None:
        raise ValueError(f"{node.op} has no derivative")
    return function.derivative(node.args, node, g)
