"""Row kernels in OpenCL's vector types, for CPUs: what a vectoriser does not make of a loop with exp in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.contract import NATIVE, REDUCTIONS, Expr, RowProgram
from .engine import Source
from .expr import Body, load, store
from .rowwriter import CHUNK, Writer, combine, identity, levels

__all__ = ["VectorWriter", "vectorisable"]

DEAR = frozenset(
    {"exp", "expm1", "log", "log1p", "tanh", "erf", "pow", "sin", "cos"}
)  # cost more than a store and a load


def vectorisable(program: RowProgram, inner_classes: Sequence[int], inner_rank: int) -> bool:
    """Whether all is f32 or f16 along contiguous (or broadcast) rows, and only conditions are of another type."""
    kinds = program.in_kinds + program.out_kinds
    return (
        inner_rank == 1
        and all(d.storage in ("f32", "f16") for d in (*program.in_dtypes, *program.out_dtypes))
        and all(program.types[n].name in ("f32", "bool") for n in program.nodes)
        and all(n.op in NATIVE or n.op in REDUCTIONS or n.op in ("arg", "scalar", "const") for n in program.nodes)
        and not any(n.op == "cast" or (n.op in REDUCTIONS and program.types[n].name == "bool") for n in program.nodes)
        and all(c < 2 for c, k in zip(inner_classes, kinds, strict=True) if k in ("full", "col"))
    )


class _VectorBody(Body):
    """Statements on vectors; what is one value per row is spread over the lanes when it is first used."""

    def __init__(self, program: RowProgram, top: Body, prefix: str) -> None:
        super().__init__(program, None, prefix)
        self.per_row = top.names

    def given(self, n: Expr) -> bool:
        return n in self.per_row

    def register(self, dtype: Any) -> str:
        return "b1v" if dtype.kind == "bool" else "f32v"

    def _define(self, n: Expr, arg: Any, index: str) -> None:
        single = self.per_row.get(n)
        if single is None and n.op not in ("scalar", "const"):
            super()._define(n, arg, index)
            return
        name = f"{self.prefix}{len(self.names)}"
        if single is None:
            super()._define(n, arg, index)  # a literal or a parameter
            single = self.names[n]
        dtype = self.program.types[n]
        value = f"-({single})" if dtype.kind == "bool" else single  # a true lane has all bits set
        self.names[n] = name
        self.lines.append(f"const {self.register(dtype)} {name} = ({self.register(dtype)})({value});")


class VectorWriter(Writer):
    """Writes a row kernel whose items walk in vectors of `width`, and one by one where the row ends."""

    kept: Expr | None = None  # what the last reduction leaves in the output for the last walk

    def source(self) -> Source:
        made = super().source()
        return made._replace(text=f"VECTOR_MATH({self.width})\n{made.text}")

    def keep(self, body: Body, level: list[Expr]) -> Expr | None:
        """The dearest value that both the last reduction and the only full output need, if the output's elements can hold it."""
        full = [(o, d) for o, d, k in zip(self.p.outputs, self.p.out_dtypes, self.p.out_kinds) if k == "full"]
        if self.split or len(full) != 1 or full[0][1].storage != "f32" or level != levels(self.p)[-1]:
            return None
        needed, stack = set(), [full[0][0]]
        while stack:
            n = stack.pop()
            if n not in needed and self.p.kinds[n] == "full":
                needed.add(n)
                stack.extend(n.args)
        found = [
            n for n in self.p.nodes if n.op in DEAR and n in body.names and n in needed and self.p.kinds[n] == "full"
        ]
        return found[-1] if found else None

    def place(self, vector: bool) -> str:
        """Where the only full output's elements are."""
        at = self.at(self.p.n_args + self.p.out_kinds.index("full"))
        return f"y{self.p.out_kinds.index('full')} + " + (at.replace(" + j", " + b") if vector else at)

    def vector_arg(self, i: int) -> str:
        at, cls = self.at(i).replace(" + j", " + b"), self.classes[i][1]
        if self.kinds[i] not in ("full", "col") or cls == 0:
            return f"(f32v)({load(self.p.in_dtypes[i], f'x{i}', at)})"
        if self.p.in_dtypes[i].storage == "f16":
            return f"vload_half{self.width}(0, (GLOBAL const half *)(x{i} + {at}))"
        return f"vload{self.width}(0, x{i} + {at})"

    def both(self, start: str, end: str, body: Body, steps: list[str], rest: Body, rest_steps: list[str]) -> list[str]:
        """The vector loop over start .. end, then the loop over what is left."""
        w = self.width
        return [
            f"i64 b = {start};",
            f"for (; b + {w} <= {end}; b += {w}) {{",
            *[f"  {line}" for line in (*body.lines, *steps)],
            "}",
            *self.loop(rest, f"for (i64 j = b; j < {end}; j++) {{", rest_steps),
        ]

    def reduce(self, level: list[Expr]) -> None:
        self.per_row([n.args[0] for n in level])
        body, rest = _VectorBody(self.p, self.top, "w"), Body(self.p, self.top, "u")
        wholes, partials, steps, ends, folds = [], [], [], [], []
        names = {n: f"a{len(self.lines)}_{k}" for k, n in enumerate(level)}
        for n, name in names.items():
            kind, dtype = REDUCTIONS[n.op], self.p.types[n]
            nothing = identity(kind, dtype)
            value, single = body.value(n.args[0], self.vector_arg), rest.value(n.args[0], self.arg)
            wholes += [f"f32v {name} = (f32v)({nothing});", f"f32 {name}s = {nothing};"]
            if kind == "sum":
                partials.append(f"f32v {name}p = (f32v)(0.0f);")
                steps.append(f"{name}p = {name}p + {value};")
                folds.append(f"{name} = {name} + {name}p;")
            else:
                steps.append(f"{name} = {_vector_combine(kind, name, value)};")
            ends.append(f"{name}s = {combine(kind, dtype, f'{name}s', single)};")
        self.kept = self.keep(body, level)
        if self.kept is not None:
            steps.append(f"vstore{self.width}({body.names[self.kept]}, 0, {self.place(True)});")
            ends.append(f"*({self.place(False)}) = {rest.names[self.kept]};")
        self.lines.extend(wholes)
        step = self.width * CHUNK
        self.lines += [
            f"for (i64 c = from; c < to; c += {step}) {{",
            f"  const i64 end = c + {step} < to ? c + {step} : to;",
        ]
        inner = self.both("c", "end", body, steps, rest, ends)
        self.lines += [*[f"  {line}" for line in (*partials, *inner, *folds)], "}"]
        for n, name in names.items():
            self.top.names[n] = self.lanes_of(n, name)

    def lanes_of(self, n: Expr, name: str) -> str:
        """The lanes and the rest of a row, combined."""
        kind, dtype, w = REDUCTIONS[n.op], self.p.types[n], self.width
        out = f"{name}w"
        self.lines += [f"f32 {name}l[{w}];", f"vstore{w}({name}, 0, {name}l);", f"f32 {out} = {name}s;"]
        self.lines.append(f"for (int k = 0; k < {w}; k++) {out} = {combine(kind, dtype, out, f'{name}l[k]')};")
        return out

    def write_full(self, full: list[tuple[int, Expr, Any]]) -> None:
        body, rest = _VectorBody(self.p, self.top, "w"), Body(self.p, self.top, "v")
        steps, ends = [], []
        if self.kept is not None:
            body.names[self.kept], rest.names[self.kept] = "wkept", "vkept"
            body.lines.append(f"const f32v wkept = vload{self.width}(0, {self.place(True)});")
            rest.lines.append(f"const f32 vkept = *({self.place(False)});")
        for k, o, dtype in full:
            at = self.at(self.p.n_args + k)
            value, place = body.value(o, self.vector_arg), at.replace(" + j", " + b")
            if dtype.storage == "f16":
                steps.append(f"vstore_half{self.width}_rte({value}, 0, (GLOBAL half *)(y{k} + {place}));")
            else:
                steps.append(f"vstore{self.width}({value}, 0, y{k} + {place});")
            ends.append(store(dtype, f"y{k}", at, rest.value(o, self.arg)))
        self.lines += ["{", *self.both("from", "to", body, steps, rest, ends), "}"]


def _vector_combine(kind: str, a: str, b: str) -> str:
    return f"{a} * {b}" if kind == "prod" else f"M_{kind.upper()}_f32v({a}, {b})"
