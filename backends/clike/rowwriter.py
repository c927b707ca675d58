"""The text of row kernels: one walk along the row per level of reductions, and a last one for the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.contract import REDUCTIONS, Expr, RowProgram
from .engine import Source
from .expr import Body, arithmetic, load, parameters, scalar_types, store, unravel
from .types import literal, register_type

__all__ = ["CHUNK", "Writer", "combine", "identity", "levels"]

CHUNK = 64  # additions in a row before the partial sum is folded into the whole


class Names:
    """Where a row kernel's numbers sit in the struct."""

    def __init__(self, arrays: int, outer: int, inner: int) -> None:
        self.k, self.no, self.ni = arrays, outer, inner
        self.rows, self.n, self.parts, self.chunk, self.each = (f"d.v[{arrays + j}]" for j in range(5))
        self.outer = [f"d.v[{arrays + 5 + a}]" for a in range(outer)]
        self.inner = [f"d.v[{arrays + 5 + outer + a}]" for a in range(inner)]
        self.size = arrays + 5 + (outer + inner) * (arrays + 1)

    def step(self, j: int, a: int) -> str:
        """The stride of array j along dim a, outer dims first."""
        return f"d.v[{self.k + 5 + (self.no + self.ni) * (j + 1) + a}]"


class Writer:
    """Writes one row kernel; `width` is how many items, or lanes of an item, share a row, `fits` that 32 bits count the elements."""

    def __init__(self, program: RowProgram, outer: int, inner: int, classes: Any, way: str, width: int, group: int, split: bool, fits: bool) -> None:  # fmt: skip
        self.fits = fits
        self.p, self.way, self.width, self.group = program, way, width, group
        self.split, self.classes, self.step = split, classes, width if way == "group" else 1
        self.arrays = program.n_args + len(program.outputs)
        self.d = Names(self.arrays, outer, inner)
        self.kinds = program.in_kinds + program.out_kinds
        self.top = Body(program)
        self.lines: list[str] = self.top.lines
        self.locals: list[str] = []

    def source(self) -> Source:
        d = self.d
        self.setup()
        for level in levels(self.p):
            self.reduce(level)
        self.finish()
        name = f"row_{self.way}"
        text = [
            f"DIMS({d.size});",
            f"KERNEL GROUP({self.group}, 1, 1) void {name}({parameters(self.p)}, const struct dims d) {{",
            *[f"  {line}" for line in self.locals],
            *[f"  {line}" for line in self.lines],
            "  }" if self.way != "group" else "",
            "}",
        ]
        return Source(name, "\n".join(text), (self.group, 1, 1), scalar_types(self.p))

    def setup(self) -> None:
        """Which row, which part, and where each array's row begins."""
        d, add = self.d, self.lines.append
        total = d.rows + (f" * {d.parts}" if self.split else "")
        if self.way == "items":
            add("const i64 g = GID(0), l = 0;")
            add(f"if (g < {total}) {{")
        elif self.way in ("lanes", "vectors"):
            add(
                f"const i64 l = 0, first = BID(0) * {d.each}, last = first + {d.each} < {total} ? first + {d.each} : {total};"
            )
            add("for (i64 g = first; g < last; g++) {")
        else:
            add("const i64 g = BID(0), l = LID(0);")
        if not self.split:
            add("const i64 r = g;")
        elif self.way == "items":
            add(f"const i64 part = g / {d.rows}, r = g - part * {d.rows};")
        else:
            add(f"const i64 r = g / {d.parts}, part = g - r * {d.parts};")
        if self.split:
            add(f"const i64 from = part * {d.chunk}, to = from + {d.chunk} < {d.n} ? from + {d.chunk} : {d.n};")
        else:
            add(f"const i64 from = 0, to = {d.n};")
        names = [f"r{a}" for a in range(d.no)]
        self.lines.extend(unravel("r", d.outer, names, self.quotient(d.outer)))
        for j, kind in enumerate(self.kinds):
            terms = [f"d.v[{j}]"]
            if kind in ("full", "row"):
                terms += [
                    names[a] if a == d.no - 1 and self.classes[j][0] == 1 else f"{names[a]} * {d.step(j, a)}"
                    for a in range(d.no)
                ]
            if self.split and j >= self.p.n_args:
                terms = [f"d.v[{j}]", "g"]
            add(f"const i64 o{j} = {' + '.join(terms)};")

    def quotient(self, dims: list[str]) -> Any:
        """Division of a row's or an element's number; of 32 bits, several times faster, where they fit."""
        return (lambda x, k: f"(i64)((u32){x} / (u32){dims[k]})") if self.fits else None

    def at(self, j: int) -> str:
        """The index of array j's element j in its row."""
        if self.kinds[j] not in ("full", "col"):
            return f"o{j}"
        d, cls = self.d, self.classes[j][1]
        if d.ni == 1:
            return f"o{j}" + ("" if cls == 0 else " + j" if cls == 1 else f" + j * {d.step(j, d.no)}")
        return f"o{j}" + "".join(f" + j{a} * {d.step(j, d.no + a)}" for a in range(d.ni))

    def arg(self, i: int) -> str:
        return load(self.p.in_dtypes[i], f"x{i}", self.at(i))

    def per_row(self, nodes: Sequence[Expr]) -> None:
        """Define what these nodes need that is the same along the row, outside the loop."""
        for n in nodes:
            stack, seen = [n], set()
            while stack:
                m = stack.pop()
                if m in seen or m in self.top.names:
                    continue
                seen.add(m)
                if self.p.kinds[m] in ("row", "scalar") and m.op not in ("const",):
                    self.top.value(m, self.arg)
                else:
                    stack.extend(m.args)

    def loop(self, body: Body, header: str, tail: list[str]) -> list[str]:
        """A loop of statements over j, or over lanes k that say which j."""
        d, names = self.d, [f"j{a}" for a in range(self.d.ni)]
        extra = unravel("j", d.inner, names, self.quotient(d.inner)) if d.ni > 1 else []
        if any(n.op in ("index", "random") for n in self.p.nodes):
            extra.append(f"const i64 i = r * {d.n} + j;")
        return [header, *[f"  {line}" for line in (*extra, *body.lines, *tail)], "}"]

    def walk(self, body: Body, start: str, end: str, steps: list[str]) -> list[str]:
        """Loops over the elements start .. end that this item sees; lanes of an item in an inner loop of fixed length."""
        if self.way != "lanes":
            return self.loop(body, f"for (i64 j = {start} + l; j < {end}; j += {self.step}) {{", steps)
        w = self.width
        return [
            f"i64 b = {start};",
            f"for (; b + {w} <= {end}; b += {w})",
            *self.loop(body, f"  for (int k = 0; k < {w}; k++) {{ const i64 j = b + k;", steps),
            *self.loop(body, f"for (i64 j = b; j < {end}; j++) {{ const int k = (int)(j - b);", steps),
        ]

    def reduce(self, level: list[Expr]) -> None:
        """Fold the reductions of one level in one walk along the row."""
        self.per_row([n.args[0] for n in level])
        body = Body(self.p, self.top, f"u{len(self.lines)}_")
        inner, outer, wholes, partials = [], [], [], []
        lane, size = ("[k]", f"[{self.width}]") if self.way == "lanes" else ("", "")
        names = {n: f"a{len(self.lines)}_{k}" for k, n in enumerate(level)}
        for n, name in names.items():
            value = body.value(n.args[0], self.arg)
            dtype, kind = self.p.types[n], REDUCTIONS[n.op]
            wholes += self.declare(name, dtype, kind, lane, size)
            if kind == "sum" and dtype.is_float:
                partials += self.declare(f"{name}p", dtype, kind, lane, size)
                inner.append(f"{name}p{lane} = {name}p{lane} + {value};")
                outer.append(f"{name}{lane} = {name}{lane} + {name}p{lane};")
            else:
                inner.append(f"{name}{lane} = {combine(kind, dtype, f'{name}{lane}', value)};")
        self.lines.extend(wholes)
        if outer:
            step = self.width * CHUNK
            self.lines.append(f"for (i64 c = from; c < to; c += {step}) {{")
            self.lines.append(f"  const i64 end = c + {step} < to ? c + {step} : to;")
            each = [f"for (int k = 0; k < {self.width}; k++) {{", *outer, "}"] if lane else outer
            self.lines.extend([f"  {line}" for line in (*partials, *self.walk(body, "c", "end", inner), *each)])
            self.lines.append("}")
        else:
            self.lines += ["{", *self.walk(body, "from", "to", inner), "}"]
        for n, name in names.items():
            self.top.names[n] = self.fold(n, name)

    def declare(self, name: str, dtype: Any, kind: str, lane: str, size: str) -> list[str]:
        """An accumulator, or one per lane, that holds nothing yet."""
        ctype, nothing = register_type(dtype), identity(kind, dtype)
        if not lane:
            return [f"{ctype} {name} = {nothing};"]
        return [f"{ctype} {name}{size};", f"for (int k = 0; k < {self.width}; k++) {name}{lane} = {nothing};"]

    def fold(self, n: Expr, name: str) -> str:
        """The partial results of lanes, or of items through local memory, combined; every item gets the whole."""
        if self.way == "items":
            return name
        dtype, kind, w = self.p.types[n], REDUCTIONS[n.op], self.width
        ctype, out, buffer = register_type(dtype), f"{name}w", name
        if self.way == "group":
            buffer = f"l_{name}"
            self.locals.append(f"LOCAL_ARRAY({ctype}, {buffer}, {w});")
            self.lines += [f"{buffer}[l] = {name};", "BARRIER();"]
            while w > 32:
                w //= 2
                half = combine(kind, dtype, f"{buffer}[l]", f"{buffer}[l + {w}]")
                self.lines += [f"if (l < {w}) {buffer}[l] = {half};", "BARRIER();"]
        self.lines.append(f"{ctype} {out} = {buffer}[0];")
        self.lines.append(f"for (int k = 1; k < {w}; k++) {out} = {combine(kind, dtype, out, f'{buffer}[k]')};")
        return out

    def finish(self) -> None:
        """Outputs: per-row ones by the first item, full ones in a last walk."""
        self.per_row(self.p.outputs)
        first = self.p.n_args
        full = []
        for k, (o, dtype, kind) in enumerate(zip(self.p.outputs, self.p.out_dtypes, self.p.out_kinds, strict=True)):
            if kind == "full":
                full.append((k, o, dtype))
            else:
                value = self.top.value(o, self.arg)
                self.lines.append("if (l == 0) " + store(dtype, f"y{k}", f"o{first + k}", value))
        if full:
            self.write_full(full)

    def write_full(self, full: list[tuple[int, Expr, Any]]) -> None:
        """The last walk: (number, value, dtype) of each full output."""
        body, first = Body(self.p, self.top, "v"), self.p.n_args
        ends = [store(dtype, f"y{k}", self.at(first + k), body.value(o, self.arg)) for k, o, dtype in full]
        self.lines.extend(self.loop(body, f"for (i64 j = from + l; j < to; j += {self.step}) {{", ends))


def levels(program: RowProgram) -> list[list[Expr]]:
    """The reductions, those that need no other first."""
    depth: dict[Expr, int] = {}
    levels: list[list[Expr]] = []
    for n in program.nodes:
        depth[n] = max([depth[a] for a in n.args], default=0)
        if n.op in REDUCTIONS:
            while len(levels) <= depth[n]:
                levels.append([])
            levels[depth[n]].append(n)
            depth[n] += 1
    return levels


def identity(kind: str, dtype: Any) -> str:
    """What changes nothing when combined."""
    if kind in ("sum", "prod"):
        return literal(int(kind == "prod"), dtype)
    if dtype.is_float:
        return literal(float("-inf") if kind == "max" else float("inf"), dtype)
    if dtype.kind == "bool":
        return "0" if kind == "max" else "1"
    signed = dtype.kind == "int"
    low, high = (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1) if signed else (0, 2**dtype.bits - 1)
    return literal(low if kind == "max" else high, dtype)


def combine(kind: str, dtype: Any, a: str, b: str) -> str:
    if kind in ("sum", "prod"):
        return arithmetic("add" if kind == "sum" else "mul", a, b, dtype)
    return f"M_{kind.upper()}_{register_type(dtype)}({a}, {b})"
