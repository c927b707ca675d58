"""Nodes of the expression language as vector instructions, for every dtype that has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ....core.contract import DType, Expr, MapProgram
from .functions import FUNCTIONS, PLUS_ONE, bitcast_float, bitcast_int
from .ir import Function, V, lanes, scalar_type, vec

__all__ = ["Nodes", "load_array", "lowered", "memory_type", "splat_scalar", "store_array", "supported"]

DT = type[DType]
_MEMORY = {"f32": "float", "f64": "double", "f16": "half", "bf16": "i16", "bool": "i8"}
_COMPARE = {"eq": ("oeq", "eq", "eq"), "ne": ("une", "ne", "ne"), "lt": ("olt", "slt", "ult"), "le": ("ole", "sle", "ule"),
            "gt": ("ogt", "sgt", "ugt"), "ge": ("oge", "sge", "uge")}  # fmt: skip
_INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "round": "rint", "trunc": "trunc"}
_FLOAT_ONLY = {*FUNCTIONS, *_INTRINSICS, "div"}
_KNOWN = {"arg", "scalar", "const", "index", "random", "cast", "select", "isnan", "isfinite", "and", "or", "xor", "not", "add", "sub",
          "mul", "neg", "abs", "maximum", "minimum", "sign", *_COMPARE, *_FLOAT_ONLY}  # fmt: skip
_SINGLE_ONLY = set(FUNCTIONS) - {"exp", "log", "log1p", "tanh", "erf", "sin", "cos", "tan"}


def memory_type(dtype: DT) -> str:
    """The LLVM type of an element in memory."""
    return _MEMORY.get(dtype.storage) or f"i{dtype.bits}"


def compute_type(dtype: DT) -> str:
    """The LLVM type of an element in registers."""
    d = dtype.compute
    return "i1" if d.name == "bool" else memory_type(d)


def lowered(n: Expr, types: dict[Expr, DT], also: Collection[str] = ()) -> bool:
    """Whether one node has machine code here, or is one of `also`."""
    if n.op in also:
        return True
    if n.op not in _KNOWN:
        return False
    operand = types[n.args[-1]] if n.args else types[n]
    if n.op in _FLOAT_ONLY and not operand.is_float:
        return False
    return not (n.op in _SINGLE_ONLY and operand.name == "f64")


def supported(program: MapProgram, also: Collection[str] = ()) -> bool:
    """Whether every node of a program has machine code here, or is one of `also`."""
    return all(lowered(n, program.types, also) for n in program.nodes)


def load_array(b: Function, p: V, dtype: DT, n: int) -> V:
    """n elements of an array as values to compute with."""
    x = b.load(p, vec(memory_type(dtype), n))
    if dtype.storage == "f16":
        return b.convert("fpext", x, vec("float", n))
    if dtype.storage == "bf16":
        return bitcast_float(b, b.convert("zext", x, vec("i32", n)) << 16)
    return x.cmp("ne", 0) if dtype.storage == "bool" else x


def store_array(b: Function, x: V, p: V, dtype: DT, nontemporal: bool = False) -> None:
    """Values into an array, rounded once."""
    n = lanes(x.type)
    if dtype.storage == "f16":
        x = b.convert("fptrunc", x, vec("half", n))
    elif dtype.storage == "bf16":
        bits = bitcast_int(b, x)
        rounded = (bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16
        quiet = (bits >> 16) | 0x40
        x = b.convert("trunc", b.select(x.cmp("uno", x), quiet, rounded), vec("i16", n))
    elif dtype.storage == "bool":
        x = b.convert("zext", x, vec("i8", n))
    b.store(x, p, align=min(n * 4, 64) if nontemporal else None, nontemporal=nontemporal)


def splat_scalar(b: Function, raw: V, dtype: DT, n: int) -> V:
    """A runtime scalar (a double, or 64 bits for integers) in n lanes of a dtype."""
    t = compute_type(dtype)
    if t == "float":
        raw = b.convert("fptrunc", raw, t)
    elif t == "i1":
        raw = raw.cmp("ne", 0)
    elif t not in ("double", "i64"):
        raw = b.convert("trunc", raw, t)
    return raw.splat(n)


class Nodes:
    """Writes the nodes of one program at one width, each once."""

    def __init__(self, b: Function, program: MapProgram, width: int) -> None:
        self.b, self.types, self.width = b, program.types, width
        self.values: dict[Expr, V] = {}
        self._uses = Counter(a for n in program.nodes for a in n.args)

    def value(self, n: Expr) -> V:
        """The value of a node, its operands first."""
        found = self.values.get(n)
        if found is None:
            found = self._plus_one(n) or self._write(n, [self.value(a) for a in n.args])
            self.values[n] = found
        return found

    def _plus_one(self, n: Expr) -> V | None:
        """1 + f(x) in one, where nothing else reads f(x)."""
        if n.op != "add" or self.types[n].name != "f32":
            return None
        one, f = n.args
        if one.op != "const" or one.value != 1 or f.op not in PLUS_ONE or self._uses[f] != 1:
            return None
        return PLUS_ONE[f.op](self.b, self.value(f.args[0]))

    def type_of(self, n: Expr) -> str:
        return vec(compute_type(self.types[n]), self.width)

    def _write(self, n: Expr, xs: list[V]) -> V:
        b = self.b
        if n.op == "const":
            return b.const(n.value, self.type_of(n))
        if n.op == "cast":
            return self._cast(xs[0], self.types[n.args[0]], n.value.compute)
        if n.op in _COMPARE:
            d = self.types[n.args[0]]
            kind = _COMPARE[n.op][0 if d.is_float else 1 if d.kind == "int" else 2]
            return xs[0].cmp(kind, xs[1])
        if n.op in FUNCTIONS:
            return FUNCTIONS[n.op](b, *xs)  # type: ignore[no-any-return]
        if n.op in _INTRINSICS:
            return b.intrinsic(_INTRINSICS[n.op], xs[0])
        return getattr(self, f"_{n.op}")(self.types[n.args[-1]], *xs)  # type: ignore[no-any-return]

    def _add(self, d: DT, x: V, y: V) -> V:
        return x | y if d.name == "bool" else x + y

    def _sub(self, d: DT, x: V, y: V) -> V:
        return x - y

    def _mul(self, d: DT, x: V, y: V) -> V:
        return x & y if d.name == "bool" else x * y

    def _div(self, d: DT, x: V, y: V) -> V:
        return x / y

    def _neg(self, d: DT, x: V) -> V:
        return -x

    def _abs(self, d: DT, x: V) -> V:
        if d.is_float:
            return self.b.intrinsic("fabs", x)
        return self.b.select(x.cmp("slt", 0), -x, x) if d.kind == "int" else x

    def _extremum(self, d: DT, x: V, y: V, kind: str) -> V:
        """The larger or smaller one; NaN wins."""
        if not d.is_float:
            sign = "s" if d.kind == "int" else "u"
            return self.b.select(x.cmp(sign + kind, y), x, y)
        if not y.name.startswith("%"):  # a constant is no NaN: one instruction
            return self.b.select(y.cmp("o" + kind, x), y, x)
        return self.b.select(x.cmp("uno", x), x, self.b.select(x.cmp("o" + kind, y), x, y))

    def _maximum(self, d: DT, x: V, y: V) -> V:
        return self._extremum(d, x, y, "gt")

    def _minimum(self, d: DT, x: V, y: V) -> V:
        return self._extremum(d, x, y, "lt")

    def _sign(self, d: DT, x: V) -> V:
        b, one = self.b, self.b.const(1, x.type)
        if not d.is_float and d.kind != "int":
            return b.select(x.cmp("ne", 0), one, x)
        less, more = ("olt", "ogt") if d.is_float else ("slt", "sgt")
        return b.select(x.cmp(more, 0), one, b.select(x.cmp(less, 0), b.const(-1, x.type), x))

    def _select(self, d: DT, cond: V, x: V, y: V) -> V:
        return self.b.select(cond, x, y)

    def _isnan(self, d: DT, x: V) -> V:
        return x.cmp("uno", x) if d.is_float else self.b.const(False, vec("i1", self.width))

    def _isfinite(self, d: DT, x: V) -> V:
        if not d.is_float:
            return self.b.const(True, vec("i1", self.width))
        return self.b.intrinsic("fabs", x).cmp("olt", float("inf"))

    def _and(self, d: DT, x: V, y: V) -> V:
        return x & y

    def _or(self, d: DT, x: V, y: V) -> V:
        return x | y

    def _xor(self, d: DT, x: V, y: V) -> V:
        return x ^ y

    def _not(self, d: DT, x: V) -> V:
        return x ^ (True if d.name == "bool" else -1)

    def _cast(self, x: V, source: DT, target: DT) -> V:
        b, to = self.b, vec(compute_type(target), self.width)
        if x.type == to and source.kind == target.kind:
            return x
        if target.name == "bool":
            return x.cmp("une" if source.is_float else "ne", 0)
        if source.name == "bool":
            return b.convert("uitofp" if target.is_float else "zext", x, to)
        if source.is_float and target.is_float:
            return b.convert("fpext" if scalar_type(to) == "double" else "fptrunc", x, to)
        if target.is_float:
            return b.convert("sitofp" if source.kind == "int" else "uitofp", x, to)
        if source.is_float:
            return self._saturate(x, target, to)
        if x.type == to:
            return x
        return b.convert("trunc" if target.bits < source.bits else "sext" if source.kind == "int" else "zext", x, to)

    def _saturate(self, x: V, target: DT, to: str) -> V:
        """Towards 0, held within the type; NaN gives 0."""
        how = "fptosi" if target.kind == "int" else "fptoui"
        n = self.width
        short = {"float": "f32", "double": "f64"}[scalar_type(x.type)]
        suffix = f"v{n}{scalar_type(to)}.v{n}{short}" if n > 1 else f"{to}.{short}"
        self.b.declarations.add(f"declare {to} @llvm.{how}.sat.{suffix}({x.type})")
        return self.b.emit(f"call {to} @llvm.{how}.sat.{suffix}({x})", to)
