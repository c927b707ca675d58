"""Expressions as ONNX nodes: one table row per native function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.expr import Expr, MapProgram
from ...core.expr.functions import REDUCTIONS
from ...core.public import DfdxError, bool_, f32
from .graph import Graph, element_type

__all__ = ["emit_program"]

_DIRECT = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "abs": "Abs", "maximum": "Max", "minimum": "Min", "pow": "Pow",
    "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "tanh": "Tanh", "erf": "Erf", "floor": "Floor",
    "ceil": "Ceil", "round": "Round", "sign": "Sign", "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater",
    "ge": "GreaterOrEqual", "isnan": "IsNaN", "select": "Where",
}  # fmt: skip
_BITS = {
    "and": ("And", "BitwiseAnd"),
    "or": ("Or", "BitwiseOr"),
    "xor": ("Xor", "BitwiseXor"),
    "not": ("Not", "BitwiseNot"),
}
_REDUCE = {"sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin"}


def _isfinite(g: Graph, x: str, **_: Any) -> str:
    return g.node("Not", g.node("Or", g.node("IsInf", x), g.node("IsNaN", x)))


def _trunc(g: Graph, x: str, **_: Any) -> str:
    return g.node("Mul", g.node("Sign", x), g.node("Floor", g.node("Abs", x)))


def _floordiv(g: Graph, x: str, y: str, *, dtype: Any) -> str:
    if dtype.is_float:
        return g.node("Floor", g.node("Div", x, y))
    return g.node("Div", g.node("Sub", x, g.node("Mod", x, y)), y)


def _mod(g: Graph, x: str, y: str, *, dtype: Any) -> str:
    if not dtype.is_float:
        return g.node("Mod", x, y)  # takes the sign of the divisor, as Python's
    return g.node("Sub", x, g.node("Mul", _floordiv(g, x, y, dtype=dtype), y))


def _expm1(g: Graph, x: str, *, dtype: Any) -> str:
    """2 sinh(x / 2) e^(x / 2), which keeps its digits near 0."""
    half = g.node("Mul", x, g.constant(0.5, dtype))
    return g.node("Mul", g.node("Mul", g.node("Sinh", half), g.node("Exp", half)), g.constant(2.0, dtype))


def _log1p(g: Graph, x: str, *, dtype: Any) -> str:
    return g.node("Log", g.node("Add", x, g.constant(1.0, dtype)))


_OWN: dict[str, Callable[..., str]] = {
    "isfinite": _isfinite, "trunc": _trunc, "floordiv": _floordiv, "mod": _mod, "expm1": _expm1, "log1p": _log1p,
    "ne": lambda g, x, y, **_: g.node("Not", g.node("Equal", x, y)),
}  # fmt: skip


def emit_program(
    g: Graph, program: MapProgram, inputs: Sequence[str], scalars: Sequence[Any], axes: tuple[int, ...] = ()
) -> list[str]:
    """The outputs of a map or row program; arguments are such that ONNX's broadcasting lines them up."""
    names: dict[Expr, str] = {}
    for n in program.nodes:
        names[n] = _node(g, n, program, names, inputs, scalars, axes)
    return [_as(g, names[o], program.types[o], d) for o, d in zip(program.outputs, program.out_dtypes, strict=True)]


def _as(g: Graph, name: str, have: Any, want: Any) -> str:
    return name if have.storage == want.storage else g.node("Cast", name, to=element_type(want))


def _node(
    g: Graph, n: Expr, p: MapProgram, names: dict[Expr, str], inputs: Sequence[str], scalars: Sequence[Any], axes: tuple[int, ...]
) -> str:  # fmt: skip
    xs, dtype = [names[a] for a in n.args], p.types[n]
    if n.op == "arg":
        return _as(g, inputs[n.value], p.in_dtypes[n.value], dtype)
    if n.op in ("scalar", "const"):
        return g.constant(scalars[n.value] if n.op == "scalar" else n.value, dtype)
    if n.op == "cast":
        return _as(g, xs[0], p.types[n.args[0]], n.value.compute)
    if n.op in REDUCTIONS:
        return g.node(_REDUCE[REDUCTIONS[n.op]], xs[0], g.ints(axes), keepdims=1)
    if n.op in _BITS:
        return g.node(_BITS[n.op][dtype is not bool_], *xs)
    if n.op in _OWN:
        return _OWN[n.op](g, *xs, dtype=p.types[n.args[0]] if n.args else f32)
    if n.op not in _DIRECT:
        raise DfdxError(f"[export_onnx] the expression {n!r} has no form in ONNX")
    return g.node(_DIRECT[n.op], *xs)
