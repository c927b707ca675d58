"""Map programs over f32 as LLVM IR: one loop over vectors of 16, one over the rest.

exp, log and tanh follow Cephes (S. Moshier, netlib.org/cephes, single precision); all are within 2 ulp.
"""

from __future__ import annotations

import struct
from typing import Any

from ....core.contract import Expr, MapProgram, f32
from .builtin import DATA, FLAGS

__all__ = ["print_map", "supported"]

WIDTH = 16
_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSIC = {
    "abs": "fabs",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "round": "rint",
    "trunc": "trunc",
    "maximum": "maximum",
    "minimum": "minimum",
}
_COMPARE = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_LEAVES = {"arg", "scalar", "const"}
_OWN = {"neg", "exp", "tanh", "log", "select", "isnan", "and", "or", "not"}
_KNOWN = {*_BINARY, *_INTRINSIC, *_COMPARE, *_LEAVES, *_OWN}


def supported(program: MapProgram) -> bool:
    """Whether every node is known here and everything but conditions is f32."""
    if any(d is not f32 for d in (*program.in_dtypes, *program.out_dtypes)) or not program.n_args:
        return False
    return all(
        n.op in _KNOWN and (program.types[n] is f32 or program.types[n].name == "bool") for n in program.nodes
    ) and all(program.types[o] is f32 for o in program.outputs)


def _bits(value: float) -> str:
    """A float constant as LLVM wants it: the bits of the double that equals the f32."""
    as_f32 = struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) < 3.5e38 or value != value else value
    return f"0x{struct.unpack('<Q', struct.pack('<d', as_f32))[0]:016X}"


class _Body:
    """The code of one loop body of a given width."""

    def __init__(self, width: int, prefix: str) -> None:
        self.width, self.prefix, self.lines, self.count = width, prefix, [], 0
        self.vec = f"<{width} x float>" if width > 1 else "float"
        self.int = f"<{width} x i32>" if width > 1 else "i32"
        self.bool = f"<{width} x i1>" if width > 1 else "i1"
        self.suffix = f"v{width}f32" if width > 1 else "f32"

    def emit(self, text: str) -> str:
        self.count += 1
        name = f"%{self.prefix}{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def const(self, value: float) -> str:
        one = f"float {_bits(value)}"
        return _bits(value) if self.width == 1 else f"<{', '.join([one] * self.width)}>"

    def iconst(self, value: int) -> str:
        return str(value) if self.width == 1 else f"<{', '.join([f'i32 {value}'] * self.width)}>"

    def op(self, name: str, a: str, b: str) -> str:
        return self.emit(f"{name} {self.vec} {a}, {b}")

    def iop(self, name: str, a: str, b: str) -> str:
        return self.emit(f"{name} {self.int} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        return self.emit(f"call {self.vec} @llvm.fma.{self.suffix}({self.vec} {a}, {self.vec} {b}, {self.vec} {c})")

    def call(self, name: str, *args: str) -> str:
        return self.emit(f"call {self.vec} @llvm.{name}.{self.suffix}({', '.join(f'{self.vec} {a}' for a in args)})")

    def compare(self, kind: str, a: str, b: str) -> str:
        return self.emit(f"fcmp {kind} {self.vec} {a}, {b}")

    def pick(self, cond: str, a: str, b: str) -> str:
        return self.emit(f"select {self.bool} {cond}, {self.vec} {a}, {self.vec} {b}")

    def horner(self, x: str, coefficients: tuple[float, ...]) -> str:
        y = self.const(coefficients[0])
        for c in coefficients[1:]:
            y = self.fma(y, x, self.const(c))
        return y

    def exp(self, x: str) -> str:
        c = self.const
        low = self.pick(self.compare("ogt", x, c(-104.0)), x, c(-104.0))
        held = self.pick(self.compare("olt", low, c(89.0)), low, c(89.0))
        n = self.call("rint", self.op("fmul", held, c(1.44269504088896341)))
        r = self.fma(n, c(-0.693359375), held)
        r = self.fma(n, c(2.12194440e-4), r)
        p = self.horner(
            r, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
        )
        y = self.op("fadd", self.fma(p, self.op("fmul", r, r), r), c(1.0))
        i = self.emit(f"fptosi {self.vec} {n} to {self.int}")
        half = self.iop("ashr", i, self.iconst(1))
        for part in (half, self.iop("sub", i, half)):  # in two steps, so that subnormal results are right
            bits = self.iop("shl", self.iop("add", part, self.iconst(127)), self.iconst(23))
            y = self.op("fmul", y, self.emit(f"bitcast {self.int} {bits} to {self.vec}"))
        return self.pick(self.compare("uno", x, x), x, y)

    def tanh(self, x: str) -> str:
        c = self.const
        a = self.call("fabs", x)
        z = self.op("fmul", x, x)
        p = self.horner(
            z, (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
        )
        small = self.fma(self.op("fmul", p, z), x, x)
        e = self.exp(self.op("fadd", a, a))
        big = self.op("fsub", c(1.0), self.op("fdiv", c(2.0), self.op("fadd", e, c(1.0))))
        big = self.emit(f"call {self.vec} @llvm.copysign.{self.suffix}({self.vec} {big}, {self.vec} {x})")
        return self.pick(self.compare("olt", a, c(0.625)), small, big)

    def log(self, x: str) -> str:
        c = self.const
        tiny = self.compare("olt", x, c(1.17549435e-38))
        scaled = self.pick(tiny, self.op("fmul", x, c(8388608.0)), x)
        bits = self.emit(f"bitcast {self.vec} {scaled} to {self.int}")
        e = self.iop("sub", self.iop("lshr", bits, self.iconst(23)), self.iconst(126))
        m = self.iop("or", self.iop("and", bits, self.iconst(0x007FFFFF)), self.iconst(0x3F000000))
        mantissa = self.emit(f"bitcast {self.int} {m} to {self.vec}")
        low = self.compare("olt", mantissa, c(0.707106781186547524))
        exponent = self.emit(f"sitofp {self.int} {e} to {self.vec}")
        exponent = self.op("fsub", exponent, self.pick(tiny, c(23.0), c(0.0)))
        exponent = self.op("fsub", exponent, self.pick(low, c(1.0), c(0.0)))
        r = self.op("fadd", self.op("fsub", mantissa, c(1.0)), self.pick(low, mantissa, c(0.0)))
        z = self.op("fmul", r, r)
        p = self.horner(
            r,
            (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
        )  # fmt: skip
        y = self.op("fmul", self.op("fmul", p, r), z)
        y = self.fma(exponent, c(-2.12194440e-4), y)
        y = self.fma(z, c(-0.5), y)
        y = self.fma(exponent, c(0.693359375), self.op("fadd", r, y))
        y = self.pick(self.compare("oeq", x, c(float("inf"))), x, y)
        y = self.pick(self.compare("oeq", x, c(0.0)), c(float("-inf")), y)
        return self.pick(self.compare("ult", x, c(0.0)), c(float("nan")), y)

    def node(self, n: Expr, program: MapProgram, names: dict[Expr, str]) -> str:
        xs = [names[a] for a in n.args]
        boolean = n.args and program.types[n.args[0]].name == "bool"
        if n.op == "const":
            if isinstance(n.value, bool):
                one = "true" if n.value else "false"
                return one if self.width == 1 else f"<{', '.join([f'i1 {one}'] * self.width)}>"
            return self.const(float(n.value))
        if n.op in _BINARY:
            return self.op(_BINARY[n.op], *xs)
        if n.op in _INTRINSIC:
            return self.call(_INTRINSIC[n.op], *xs)
        if n.op in _COMPARE:
            return self.compare(_COMPARE[n.op], *xs)
        if n.op == "select":
            return self.pick(*xs)
        if n.op == "isnan":
            return self.compare("uno", xs[0], xs[0])
        if n.op in ("and", "or") and boolean:
            return self.emit(f"{n.op} {self.bool} {xs[0]}, {xs[1]}")
        if n.op == "not":
            ones = "true" if self.width == 1 else f"<{', '.join(['i1 true'] * self.width)}>"
            return self.emit(f"xor {self.bool} {xs[0]}, {ones}")
        if n.op == "neg":
            return self.emit(f"fneg {self.vec} {xs[0]}")
        return str(getattr(self, n.op)(xs[0]))


def _loop(program: MapProgram, width: int, prefix: str, scalars: list[str]) -> list[str]:
    """The body of one loop: loads, nodes, stores."""
    b = _Body(width, prefix)
    names: dict[Expr, str] = {}
    for n in program.nodes:
        if n.op == "arg":
            p = b.emit(f"getelementptr float, ptr %d{n.value}, i64 %{prefix}i")
            names[n] = b.emit(f"load {b.vec}, ptr {p}, align 4")
        elif n.op == "scalar":
            names[n] = scalars[n.value] if width == 1 else f"%v{n.value}"
        else:
            names[n] = b.node(n, program, names)
    for k, o in enumerate(program.outputs):
        p = b.emit(f"getelementptr float, ptr %d{program.n_args + k}, i64 %{prefix}i")
        b.lines.append(f"  store {b.vec} {names[o]}, ptr {p}, align 4")
    return b.lines


def print_map(program: MapProgram, name: str) -> str:
    """A module with `name(self, args, nargs)`: args are n, the input arrays, the output arrays, then the scalars.

    It returns a new reference to None, or, where an array is not row-major or a scalar is no number, to False.
    """
    n_arrays, lines = program.n_args + len(program.outputs), []
    for i in range(n_arrays):
        lines += [
            f"  %q{i} = getelementptr ptr, ptr %args, i64 {i + 1}",
            f"  %o{i} = load ptr, ptr %q{i}",
            f"  %g{i} = getelementptr i8, ptr %o{i}, i64 {FLAGS}",
            f"  %f{i} = load i32, ptr %g{i}",
            f"  %e{i} = getelementptr i8, ptr %o{i}, i64 {DATA}",
            f"  %d{i} = load ptr, ptr %e{i}",
        ]
    flags = "%f0"
    for i in range(1, n_arrays):
        lines.append(f"  %a{i} = and i32 {flags}, %f{i}")
        flags = f"%a{i}"
    lines += ["  %n0 = load ptr, ptr %args", "  %n = call i64 @PyLong_AsLongLong(ptr %n0)"]
    scalars = []
    for i in range(program.n_scalars):
        lines += [
            f"  %sq{i} = getelementptr ptr, ptr %args, i64 {n_arrays + 1 + i}",
            f"  %so{i} = load ptr, ptr %sq{i}",
            f"  %sd{i} = call double @PyFloat_AsDouble(ptr %so{i})",
            f"  %s{i} = fptrunc double %sd{i} to float",
            f"  %si{i} = insertelement <{WIDTH} x float> undef, float %s{i}, i64 0",
            f"  %v{i} = shufflevector <{WIDTH} x float> %si{i}, <{WIDTH} x float> undef, <{WIDTH} x i32> zeroinitializer",
        ]
        scalars.append(f"%s{i}")
    lines += [f"  %ok = and i32 {flags}, 1", "  %good = icmp ne i32 %ok, 0", "  br i1 %good, label %start, label %bad"]
    vector, rest = _loop(program, WIDTH, "u", scalars), _loop(program, 1, "w", scalars)
    kinds = sorted({m for line in (*vector, *rest) for m in _intrinsics(line)})
    return "\n".join(
        [
            "declare i64 @PyLong_AsLongLong(ptr)\ndeclare double @PyFloat_AsDouble(ptr)",
            *kinds,
            f"define ptr @{name}(ptr %self, ptr %args, i64 %nargs) {{\nentry:",
            *lines,
            f"start:\n  %whole = and i64 %n, -{WIDTH}\n  %any = icmp sgt i64 %whole, 0\n  br i1 %any, label %vector, label %check",
            "vector:\n  %ui = phi i64 [ 0, %start ], [ %unext, %vector ]",
            *vector,
            f"  %unext = add i64 %ui, {WIDTH}\n  %umore = icmp slt i64 %unext, %whole\n  br i1 %umore, label %vector, label %check",
            "check:\n  %left = icmp slt i64 %whole, %n\n  br i1 %left, label %rest, label %done",
            "rest:\n  %wi = phi i64 [ %whole, %check ], [ %wnext, %rest ]",
            *rest,
            "  %wnext = add i64 %wi, 1\n  %wmore = icmp slt i64 %wnext, %n\n  br i1 %wmore, label %rest, label %done",
            _give("done", None),
            _give("bad", False),
            "}",
        ]
    )


def _give(label: str, constant: Any) -> str:
    """Return a new reference to None or False."""
    c = label[0]
    return (
        f"{label}:\n  %{c}p = inttoptr i64 {id(constant)} to ptr\n  %{c}r = load i64, ptr %{c}p\n  %{c}s = add i64 %{c}r, 1\n"
        f"  store i64 %{c}s, ptr %{c}p\n  ret ptr %{c}p"
    )


def _intrinsics(line: str) -> list[str]:
    """The declaration that a call of an intrinsic needs."""
    if "@llvm." not in line:
        return []
    kind, _, tail = line.partition("call ")[2].partition(" @llvm.")
    vec, name, arity = kind, tail.partition("(")[0], tail.count(kind)
    return [f"declare {vec} @llvm.{name}({', '.join([vec] * arity)})"]
