"""An expression with its dtypes: what a `map` or `row` kernel runs."""

from __future__ import annotations

from typing import Any

from ..dtypes import DType, bool_, f32, i64, u32, u64
from ..errors import DTypeError
from .functions import NATIVE, REDUCTIONS
from .nodes import Expr, walk

__all__ = ["KINDS", "MapProgram", "RowProgram", "kind_of", "map_program", "row_program"]

DT = type[DType]
KINDS = ("full", "row", "col", "scalar")  # outer + inner dims, outer, inner, none


class MapProgram:
    """Output expressions over array arguments of given dtypes.

    f16, bf16 and amp arguments are read as f32; each output is rounded once. `types` gives the dtype of every node.
    """

    in_kinds: tuple[str, ...] = ()
    out_kinds: tuple[str, ...] = ()

    def __init__(
        self, outputs: tuple[Expr, ...], in_dtypes: tuple[DT, ...], out_dtypes: tuple[DT, ...], n_scalars: int
    ) -> None:
        self.outputs, self.in_dtypes, self.out_dtypes, self.n_scalars = outputs, in_dtypes, out_dtypes, n_scalars
        self.n_args = len(in_dtypes)
        self.nodes = tuple(walk(outputs))
        self.types = _resolve(self)

    @property
    def key(self) -> str:
        """A text that names the program; usable as a key on disk."""
        kinds = f" {' '.join(self.in_kinds)} -> {' '.join(self.out_kinds)}" if self.in_kinds else ""
        return (
            f"{list(self.outputs)!r} {[d.name for d in self.in_dtypes]} -> {[d.name for d in self.out_dtypes]}{kinds}"
        )

    @property
    def uses_index(self) -> bool:
        return any(n.op == "index" for n in self.nodes)

    @property
    def uses_random(self) -> bool:
        return any(n.op == "random" for n in self.nodes)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"


class RowProgram(MapProgram):
    """A map program with reductions over the inner dims; every argument and output has a kind."""

    def __init__(
        self,
        outputs: Any,
        in_dtypes: Any,
        out_dtypes: Any,
        n_scalars: int,
        in_kinds: tuple[str, ...],
        out_kinds: tuple[str, ...],
    ) -> None:
        self.in_kinds, self.out_kinds = in_kinds, out_kinds
        super().__init__(outputs, in_dtypes, out_dtypes, n_scalars)
        self.kinds = {n: kind_of(n, in_kinds) for n in self.nodes}


def kind_of(node: Expr, in_kinds: tuple[str, ...], _memo: dict[Expr, str] | None = None) -> str:
    """Which dims a node of a row program has."""
    memo = {} if _memo is None else _memo
    for n in walk([node]):
        if n.op == "arg":
            memo[n] = in_kinds[n.value] if in_kinds else "full"
        elif n.op in ("index", "random"):
            memo[n] = "full"
        elif n.op in REDUCTIONS:
            memo[n] = "row" if memo[n.args[0]] in ("full", "row") else "scalar"
        else:
            found = {memo[a] for a in n.args}
            memo[n] = (
                "full"
                if "full" in found or {"row", "col"} <= found
                else "row"
                if "row" in found
                else "col"
                if "col" in found
                else "scalar"
            )
    return memo[node]


def _resolve(program: MapProgram) -> dict[Expr, DT]:
    """The dtype of every node: strong ones from the arguments up, weak ones from their users down."""
    strong: dict[Expr, DT | None] = {}
    for n in program.nodes:
        strong[n] = _strong(n, strong, program.in_dtypes)
    types: dict[Expr, DT] = {n: d for n, d in strong.items() if d is not None}
    for out, dtype in zip(program.outputs, program.out_dtypes, strict=True):
        types.setdefault(out, dtype.compute)
    for n in reversed(program.nodes):
        meets = _meeting_operands(n)
        if not meets:
            continue
        found = next((types[a] for a in meets if a in types), None)
        if found is None:
            found = types.get(n, f32) if NATIVE.get(n.op) is None or NATIVE[n.op].gives != "bool" else f32
        for a in meets:
            types.setdefault(a, found)
    for n in program.nodes:
        types.setdefault(n, f32)
    return types


def _meeting_operands(n: Expr) -> tuple[Expr, ...]:
    """The operands that share one dtype."""
    if n.op == "select":
        return n.args[1:]
    return () if n.op in ("cast", "random") else n.args


def _strong(n: Expr, known: dict[Expr, Any], in_dtypes: tuple[DT, ...]) -> DT | None:
    if n.op == "arg":
        return in_dtypes[n.value].compute
    if n.op in ("const", "scalar"):
        return bool_ if isinstance(n.value, bool) and n.op == "const" else None
    if n.op == "index":
        return i64
    if n.op == "random":
        return u32
    if n.op == "cast":
        return n.value.compute
    found = {known[a] for a in _meeting_operands(n)} - {None}
    if len(found) > 1:
        names = " and ".join(sorted(d.name for d in found))
        raise DTypeError(f"[expr] {n!r} mixes {names}; cast one of them")
    if n.op in NATIVE and NATIVE[n.op].gives == "bool":
        return bool_
    return found.pop() if found else None


_programs: dict[Any, MapProgram] = {}


def map_program(
    outputs: tuple[Expr, ...], in_dtypes: tuple[DT, ...], out_dtypes: tuple[DT, ...], n_scalars: int = 0
) -> MapProgram:
    """The one map program of these expressions and dtypes."""
    key = (outputs, in_dtypes, out_dtypes, n_scalars)
    found = _programs.get(key)
    if found is None:
        found = _programs[key] = MapProgram(*key)
    return found


def row_program(
    outputs: tuple[Expr, ...],
    in_dtypes: tuple[DT, ...],
    out_dtypes: tuple[DT, ...],
    n_scalars: int,
    in_kinds: tuple[str, ...],
    out_kinds: tuple[str, ...],
) -> RowProgram:
    """The one row program of these expressions, dtypes and kinds."""
    key = (outputs, in_dtypes, out_dtypes, n_scalars, in_kinds, out_kinds)
    found = _programs.get(key)
    if found is None:
        found = _programs[key] = RowProgram(*key)
    return found  # type: ignore[return-value]


SEED_SCALAR = u64  # key and counter of `random`


def program_of(
    outputs: tuple[Expr, ...], in_dtypes: tuple[DT, ...], out_dtypes: tuple[DT, ...], n_scalars: int = 0
) -> MapProgram:
    """A map program, or, where the expressions have reductions, the row program whose only row is the whole tensor."""
    if not any(n.op in REDUCTIONS for n in walk(outputs)):
        return map_program(outputs, in_dtypes, out_dtypes, n_scalars)
    full = ("full",)
    return row_program(outputs, in_dtypes, out_dtypes, n_scalars, full * len(in_dtypes), full * len(out_dtypes))
