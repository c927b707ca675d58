"""A small writer of LLVM IR: typed values with operators, structured loops and conditions, no optimisation passes needed.

    b = Function("double @half(double %x)")
    b.ret(b.arg("x", "double") * 0.5)
    print(module(b))

Loops carry values through phi nodes (`with b.loop(0, n, 1, total) as loop: ... loop.next(total2)`), so the text is in
SSA form as it stands.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["CHECKED", "Function", "Loop", "V", "lanes", "module", "scalar_type", "vec"]

CHECKED = os.environ.get("DFDX_CHECK") == "1"  # whether kernels check every address that they read or write
_FLOATS = {"float", "double", "half"}
_SIZES = {"float": 4, "double": 8, "half": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "ptr": 8}


def vec(scalar: str, n: int) -> str:
    """The type of n lanes of a scalar type."""
    return scalar if n == 1 else f"<{n} x {scalar}>"


def scalar_type(type_: str) -> str:
    """`float` of `<8 x float>`."""
    return type_.split(" x ")[1][:-1] if type_[0] == "<" else type_


def lanes(type_: str) -> int:
    """8 of `<8 x float>`."""
    return int(type_[1:].split(" ")[0]) if type_[0] == "<" else 1


def size_of(type_: str) -> int:
    """Bytes of one lane."""
    return _SIZES[scalar_type(type_)]


def literal(value: Any, type_: str) -> str:
    """A constant as LLVM spells it; a vector gets the value in every lane."""
    one = scalar_type(type_)
    if one == "i1":
        text = "true" if value else "false"
    elif one in _FLOATS:
        value = float(value)
        if one == "float" and abs(value) < 3.4028235677973366e38:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    else:
        text = str(int(value))
    n = lanes(type_)
    return text if n == 1 else f"<{', '.join([f'{one} {text}'] * n)}>"


class V:
    """A value of a function being written: its type and its name; operators append instructions.

    * `region`: of a pointer under DFDX_CHECK=1, (start, bytes) of the array that it must stay in.
    """

    __slots__ = ("b", "name", "region", "type")

    def __init__(self, b: Function, type_: str, name: str, region: tuple[V, V] | None = None) -> None:
        self.b, self.type, self.name, self.region = b, type_, name, region

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"

    @property
    def is_float(self) -> bool:
        return scalar_type(self.type) in _FLOATS

    def _op(self, names: tuple[str, str], other: Any) -> V:
        return self.b.op(names[0] if self.is_float else names[1], self, other)

    def __add__(self, o: Any) -> V:
        return self if type(o) is int and o == 0 else self._op(("fadd", "add"), o)

    def __radd__(self, o: Any) -> V:
        return self + o

    def __sub__(self, o: Any) -> V:
        return self._op(("fsub", "sub"), o)

    def __rsub__(self, o: Any) -> V:
        return self.b.const(o, self.type) - self

    def __mul__(self, o: Any) -> V:
        return self if type(o) is int and o == 1 else self._op(("fmul", "mul"), o)

    def __rmul__(self, o: Any) -> V:
        return self * o

    def __truediv__(self, o: Any) -> V:
        return self.b.op("fdiv", self, o)

    def __rtruediv__(self, o: Any) -> V:
        return self.b.const(o, self.type) / self

    def __neg__(self) -> V:
        return self.b.emit(f"fneg {self}", self.type) if self.is_float else self.b.const(0, self.type) - self

    def __and__(self, o: Any) -> V:
        return self.b.op("and", self, o)

    def __or__(self, o: Any) -> V:
        return self.b.op("or", self, o)

    def __xor__(self, o: Any) -> V:
        return self.b.op("xor", self, o)

    def __lshift__(self, o: Any) -> V:
        return self.b.op("shl", self, o)

    def __rshift__(self, o: Any) -> V:
        return self.b.op("lshr", self, o)

    def div(self, o: Any) -> V:
        """Unsigned integer division."""
        return self.b.op("udiv", self, o)

    def rem(self, o: Any) -> V:
        """Unsigned integer remainder."""
        return self.b.op("urem", self, o)

    def cmp(self, kind: str, o: Any) -> V:
        """A comparison: `eq`, `slt`, `ult`, ... of integers, `oeq`, `olt`, `uno`, ... of floats."""
        return self.b.compare(kind, self, o)

    def splat(self, n: int) -> V:
        """The value in n lanes."""
        return self.b.splat(self, n)


class Loop:
    """An open loop: `i` its index, `values` the carried values; after it, `out` holds their last."""

    def __init__(self, i: V, values: list[V]) -> None:
        self.i, self.values, self.out = i, values, values
        self._next: list[V] = values

    def next(self, *values: V) -> None:
        """The carried values of the next round."""
        self._next = list(values)


class Function:
    """One function, written from its head to its last `ret`."""

    def __init__(self, head: str, attributes: str = "") -> None:
        self.head, self.attributes = head, attributes
        self.lines: list[Any] = []
        self.count = 0
        self.block = "entry"
        self.declarations: set[str] = set()
        self._consts: dict[tuple[str, str], V] = {}

    # ----- instructions

    def emit(self, text: str, type_: str) -> V:
        self.count += 1
        name = f"%t{self.count}"
        self.lines.append(f"  {name} = {text}")
        return V(self, type_, name)

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def arg(self, name: str, type_: str = "ptr") -> V:
        return V(self, type_, f"%{name}")

    def const(self, value: Any, type_: str = "i64") -> V:
        return V(self, type_, "null" if type_ == "ptr" else literal(value, type_))

    def value(self, x: Any, type_: str) -> V:
        return x if isinstance(x, V) else self.const(x, type_)

    def op(self, name: str, a: V, o: Any) -> V:
        return self.emit(f"{name} {a}, {self.value(o, a.type).name}", a.type)

    def compare(self, kind: str, a: V, o: Any) -> V:
        which = "fcmp" if a.is_float else "icmp"
        return self.emit(f"{which} {kind} {a}, {self.value(o, a.type).name}", vec("i1", lanes(a.type)))

    def select(self, cond: V, a: Any, o: Any) -> V:
        a = self.value(a, o.type) if isinstance(o, V) else a
        o = self.value(o, a.type)
        return self.emit(f"select {cond}, {a}, {o}", a.type)

    def convert(self, how: str, x: V, type_: str) -> V:
        return self.emit(f"{how} {x} to {type_}", type_)

    def intrinsic(self, name: str, *xs: Any, like: V | None = None) -> V:
        """llvm.NAME over operands of one type, which is the result's."""
        like = like or next(x for x in xs if isinstance(x, V))
        xs = tuple(self.value(x, like.type) for x in xs)
        t = like.type
        short = {"float": "f32", "double": "f64", "half": "f16"}.get(scalar_type(t), scalar_type(t))
        suffix = f"v{lanes(t)}{short}" if lanes(t) > 1 else short
        self.declarations.add(f"declare {t} @llvm.{name}.{suffix}({', '.join([t] * len(xs))})")
        return self.emit(f"call {t} @llvm.{name}.{suffix}({', '.join(map(repr, xs))})", t)

    def fma(self, a: Any, x: Any, y: Any) -> V:
        return self.intrinsic("fma", a, x, y)

    def max(self, a: V, o: Any) -> V:
        return self.select(a.cmp("sgt", o), a, o)

    def min(self, a: V, o: Any) -> V:
        return self.select(a.cmp("slt", o), a, o)

    def splat(self, x: V, n: int) -> V:
        if n == 1:
            return x
        t = vec(x.type, n)
        if x.name[0] != "%":
            return V(self, t, f"<{', '.join([repr(x)] * n)}>")
        first = self.emit(f"insertelement {t} poison, {x}, i64 0", t)
        return self.shuffle(first, first, [0] * n)

    def shuffle(self, a: V, o: V, mask: list[int]) -> V:
        t = vec(scalar_type(a.type), len(mask))
        return self.emit(f"shufflevector {a}, {o}, <{len(mask)} x i32> <{', '.join(f'i32 {m}' for m in mask)}>", t)

    def extract(self, x: V, lane: int) -> V:
        return x if lanes(x.type) == 1 else self.emit(f"extractelement {x}, i64 {lane}", scalar_type(x.type))

    def call(self, fn: V | str, type_: str, *xs: V) -> V:
        """A call of a pointer, or of a function of this module by name."""
        target = fn if isinstance(fn, str) else fn.name
        text = f"call {type_} {target}({', '.join(map(repr, xs))})"
        if type_ == "void":
            self.do(text)
            return V(self, "void", "")
        return self.emit(text, type_)

    # ----- memory

    def at(self, p: V, offset: Any, type_: str = "i8") -> V:
        """The address of element `offset` of an array of `type_`."""
        if type(offset) is int and offset == 0:
            return p
        moved = self.emit(f"getelementptr {type_}, {p}, {self.value(offset, 'i64')}", "ptr")
        moved.region = p.region
        return moved

    def guard(self, p: V, nbytes: Any) -> None:
        """Stop the process if the bytes from p on leave the array of p; nothing for other pointers, and without DFDX_CHECK=1."""
        if p.region is None:
            return
        start, size = p.region
        offset = self.convert("ptrtoint", p, "i64") - self.convert("ptrtoint", start, "i64")
        bad = offset.cmp("slt", 0) | (offset + nbytes).cmp("sgt", size)
        with self.when(bad, ends=True):
            self.declarations.add("declare void @abort()")
            self.do("call void @abort()")
            self.do("unreachable")

    def load(self, p: V, type_: str = "i64", align: int | None = None) -> V:
        self.guard(p, lanes(type_) * size_of(type_))
        return self.emit(f"load {type_}, {p}, align {align or size_of(type_)}", type_)

    def store(self, x: V, p: V, align: int | None = None, nontemporal: bool = False) -> None:
        self.guard(p, lanes(x.type) * size_of(x.type))
        tail = f", align {align or size_of(x.type)}" + (", !nontemporal !0" if nontemporal else "")
        self.do(f"store {x}, {p}{tail}")

    def slot(self, p: V, i: Any, type_: str = "i64") -> V:
        """Entry i of a table of 8-byte slots, read as `type_`."""
        return self.load(self.at(p, i, "i64"), type_, 8)

    def stack(self, type_: str, n: int = 1, align: int = 64) -> V:
        """Room on the stack; only in the entry block."""
        return self.emit(f"alloca {type_}, i64 {n}, align {align}", "ptr")

    def prefetch(self, p: V) -> None:
        """Ask for the cache line of an address, which may be any."""
        self.declarations.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.do(f"call void @llvm.prefetch.p0({p}, i32 0, i32 3, i32 1)")

    def copy(self, to: V, source: V, nbytes: Any) -> None:
        self.guard(to, nbytes)
        self.guard(source, nbytes)
        self.declarations.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memcpy.p0.p0.i64({to}, {source}, {self.value(nbytes, 'i64')}, i1 false)")

    def clear(self, p: V, nbytes: Any) -> None:
        self.guard(p, nbytes)
        self.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.do(f"call void @llvm.memset.p0.i64({p}, i8 0, {self.value(nbytes, 'i64')}, i1 false)")

    # ----- control

    def label(self, hint: str) -> str:
        self.count += 1
        return f"{hint}{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, cond: V, yes: str, no: str) -> None:
        self.do(f"br {cond}, label %{yes}, label %{no}")

    def ret(self, x: V | None = None) -> None:
        self.do("ret void" if x is None else f"ret {x}")

    @contextmanager
    def when(self, cond: V, *, ends: bool = False) -> Iterator[None]:
        """Run the block where cond holds; `ends` says that the block returns."""
        yes, after = self.label("yes"), self.label("after")
        self.branch(cond, yes, after)
        self.start(yes)
        yield
        if not ends:
            self.jump(after)
        self.start(after)

    def either(self, cond: V, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        """if-else whose branches each give a value of one type (or None)."""
        a, o, after = self.label("then"), self.label("else"), self.label("after")
        self.branch(cond, a, o)
        self.start(a)
        x = yes()
        from_x = self.block
        self.jump(after)
        self.start(o)
        y = no()
        from_y = self.block
        self.jump(after)
        self.start(after)
        if x is None:
            return None
        y = self.value(y, x.type)
        return self.emit(f"phi {x.type} [ {x.name}, %{from_x} ], [ {y.name}, %{from_y} ]", x.type)

    @contextmanager
    def loop(self, lo: Any, hi: Any, step: Any = 1, *carried: V) -> Iterator[Loop]:
        """for i in range(lo, hi, step), carrying values; a positive step."""
        lo, hi, step = (self.value(x, "i64") for x in (lo, hi, step))
        body, after, before = self.label("loop"), self.label("after"), self.block
        self.branch(lo.cmp("slt", hi), body, after)
        self.start(body)
        heads = [self._phi(v.type) for v in (lo, *carried)]
        loop = Loop(heads[0][1], [h for _, h in heads[1:]])
        yield loop
        following = loop.i + step
        last = self.block
        self.branch(following.cmp("slt", hi), body, after)
        ends = [following, *loop._next]
        for (line, _), start, end in zip(heads, (lo, *carried), ends, strict=True):
            self.lines[line] += f" [ {start.name}, %{before} ], [ {end.name}, %{last} ]"
        self.start(after)
        loop.out = [
            self.emit(f"phi {s.type} [ {s.name}, %{before} ], [ {e.name}, %{last} ]", s.type)
            for s, e in zip(carried, loop._next, strict=True)
        ]

    def _phi(self, type_: str) -> tuple[int, V]:
        """A phi node whose sources are appended later: its line, its value."""
        v = self.emit(f"phi {type_}", type_)
        return len(self.lines) - 1, v

    def text(self) -> str:
        return f"define {self.head} {self.attributes} {{\nentry:\n" + "\n".join(self.lines) + "\n}"


def module(*functions: Function, extra: str = "") -> str:
    """The text of a module of these functions."""
    declarations = sorted(set().union(*(f.declarations for f in functions)))
    text = "\n".join([extra, *declarations, *(f.text() for f in functions)])
    return text + "\n!0 = !{i32 1}\n" if re.search(r"!nontemporal", text) else text + "\n"
