"""Expressions in the C dialect: one statement per node, one name per value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...core.contract import NATIVE, Expr, MapProgram, f32, u64
from .types import literal, register_type, storage_type

__all__ = ["Body", "arithmetic", "divider", "load", "parameters", "scalar_types", "store", "unravel"]

_WRAPPING = {"add": "+", "sub": "-", "mul": "*"}
_TYPED = re.compile(r"M_[A-Z0-9]+(?=\()")


def scalar_types(program: MapProgram) -> tuple[Any, ...]:
    """The dtype of each runtime scalar: what it meets; key and counter of `random` are u64."""
    found: dict[int, Any] = {n.value: program.types[n] for n in program.nodes if n.op == "scalar"}
    for n in program.nodes:
        if n.op == "random":
            found.update({a.value: u64 for a in n.args if a.op == "scalar"})
    return tuple([found.get(i, f32) for i in range(program.n_scalars)])


def parameters(program: MapProgram, shared: bool = False) -> str:
    """The parameter list before the layout's struct; `shared` says that an output may be an input's buffer."""
    restrict = "" if shared else " RESTRICT"
    inputs = [f"GLOBAL const {storage_type(d)} *{restrict} x{i}" for i, d in enumerate(program.in_dtypes)]
    outputs = [f"GLOBAL {storage_type(d)} *{restrict} y{i}" for i, d in enumerate(program.out_dtypes)]
    scalars = [f"const {register_type(d)} s{i}" for i, d in enumerate(scalar_types(program))]
    return ", ".join(inputs + outputs + scalars)


def load(dtype: Any, pointer: str, at: str) -> str:
    return f"LOAD_{dtype.storage}({pointer}, {at})"


def store(dtype: Any, pointer: str, at: str, value: str) -> str:
    return f"STORE_{dtype.storage}({pointer}, {at}, {value});"


def unravel(
    linear: str, dims: list[str], names: list[str], quotient: Callable[[str, int], str] | None = None
) -> list[str]:
    """Statements that split a linear index into one name per dim (row-major); the first dim takes what is left.

    `quotient(x, k)` is the text of x / dims[k], where there is a faster one than a division of 64 bits.
    """
    divide = quotient or (lambda x, k: f"{x} / {dims[k]}")
    lines, rest = [], linear
    for k in range(len(dims) - 1, 0, -1):
        lines.append(f"const i64 {names[k]}q = {divide(rest, k)}, {names[k]} = {rest} - {names[k]}q * {dims[k]};")
        rest = f"{names[k]}q"
    return [*lines, f"const i64 {names[0]} = {rest};"]


def divider(n: int) -> tuple[int, int]:
    """(m, s) such that i // n == i * m >> s for 0 <= i < 2**31, for the dialect's DIVIDE. Source: T. Granlund and
    P. L. Montgomery, Division by invariant integers using multiplication (PLDI 1994).

    >>> m, s = divider(7)
    >>> (2**31 - 1) * m >> s == (2**31 - 1) // 7
    True
    """
    bits = (n - 1).bit_length()
    return -(-(1 << (31 + bits)) // n), 31 + bits


def arithmetic(op: str, a: str, b: str, dtype: Any) -> str:
    """a op b in a register type; integers wrap."""
    kind = register_type(dtype)
    if dtype.is_float or kind == "b1":
        return f"{a} {_WRAPPING[op]} {b}"
    wide = "u64" if dtype.bits == 64 else "u32"
    return f"({kind})(({wide}){a} {_WRAPPING[op]} ({wide}){b})"


class Body:
    """Statements that compute nodes of a program; names of values that are there already are shared with inner bodies."""

    def __init__(self, program: MapProgram, outer: Body | None = None, prefix: str = "t") -> None:
        self.program, self.prefix = program, prefix
        self.names: dict[Expr, str] = dict(outer.names) if outer else {}
        self.lines: list[str] = []

    def value(self, n: Expr, arg: Any, index: str = "i") -> str:
        """The name of a node's value; `arg(k)` gives the text that loads argument k, `index` the linear index."""
        stack = [n]
        while stack:
            top = stack[-1]
            if top in self.names:
                stack.pop()
                continue
            missing = [] if self.given(top) else [a for a in top.args if a not in self.names]
            if missing:
                stack.extend(missing)
                continue
            self._define(top, arg, index)
            stack.pop()
        return self.names[n]

    def _define(self, n: Expr, arg: Any, index: str) -> None:
        dtype = self.program.types[n]
        if n.op == "scalar":
            self.names[n] = f"s{n.value}"
        elif n.op == "const":
            self.names[n] = literal(n.value, dtype)
        elif n.op == "index":
            self.names[n] = index
        else:
            name = self.names[n] = f"{self.prefix}{len(self.names)}"
            text = arg(n.value) if n.op == "arg" else self._call(n, dtype, index)
            self.lines.append(f"const {self.register(dtype)} {name} = {text};")

    def given(self, n: Expr) -> bool:
        """Whether a node's value is there without its operands."""
        return False

    def register(self, dtype: Any) -> str:
        """The C type of a value."""
        return register_type(dtype)

    def _call(self, n: Expr, dtype: Any, index: str) -> str:
        xs = [self.names[a] for a in n.args]
        if n.op == "random":
            return f"philox_word({xs[0]}, {xs[1]}, {index})"
        if n.op == "cast":
            return _cast(xs[0], self.program.types[n.args[0]], n.value)
        if n.op in _WRAPPING:
            return arithmetic(n.op, xs[0], xs[1], dtype)
        kind = self.register(self.program.types[n.args[0]])
        if n.op == "neg" and dtype.is_int:
            return arithmetic("sub", "0", xs[0], dtype)
        return _TYPED.sub(lambda m: f"{m[0]}_{kind}", NATIVE[n.op].c).format(*xs)


def _cast(x: str, source: Any, target: Any) -> str:
    kind = register_type(target)
    if kind == "b1":
        return f"({x} != 0)"
    if source.is_float and target.is_int:
        info_low, info_high = _range(target)
        limits = literal(float(info_low), source), literal(float(info_high + 1), source)
        return f"M_SATURATE({kind}, {x}, {limits[0]}, {limits[1]}, {literal(info_low, target)}, {literal(info_high, target)})"
    if source.storage == "f64" and target.is_float and target.bits == 16:
        return f"to_odd_f32({x})"
    return f"({kind}){x}"


def _range(dtype: Any) -> tuple[int, int]:
    if dtype.kind == "uint":
        return 0, 2**dtype.bits - 1
    return -(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1
