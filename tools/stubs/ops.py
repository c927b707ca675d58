"""The static signature of every op: derived from its spec where that says enough, else named in `RULES`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from . import tables
from .text import View
from .windows import conv1d, conv2d, pool, upscale2d, upscale2d_like
from .writer import IN_CLASS, Writer, plain_type

__all__ = ["RULES", "functions", "helpers", "methods", "rule_of", "unruled"]

# op -> rule; elementwise and row-wise ops need none
RULES: dict[str, str] = {
    **dict.fromkeys(("sum", "prod", "max", "min", "mean", "logsumexp", "var", "stddev", "norm"), "reduce"),
    **dict.fromkeys(("any", "all"), "reduce_bool"), **dict.fromkeys(("argmax", "argmin"), "reduce_index"),
    **dict.fromkeys(("softmax", "log_softmax", "normalize"), "axis_kept"),
    **dict.fromkeys(("clamp", "nans_to", "leaky_relu", "powi", "dropout", "upper_tri_", "lower_tri_"), "same_with"),
    **dict.fromkeys(("contiguous", "flip", "roll", "cumsum", "cumprod", "sort"), "same_any"),
    **dict.fromkeys(("layer_norm", "rms_norm"), "same_mixed"),
    "argsort": "same_index", "powf": "pow", "prelu": "pow", "huber_error": "binary", "choose": "choose", "where": "where",
    "matmul": "matmul", "dot": "dot", "outer": "outer", "linear": "linear",
    "permute": "permute", "reshape": "reshape", "realize": "realize", "broadcast_to": "broadcast_to",
    "broadcast_like": "like", "reshape_like": "like", "flatten": "flatten", "slice_tensor": "slice", "pad": "same_rank",
    "repeat": "same_rank", "select": "select", "gather": "gather", "scatter_add": "scatter_add", "concat": "concat",
    "concat_along": "concat_along", "stack": "stack", "to_dtype": "to_dtype", "to_device": "to_device",
    "conv1d": "conv1d", "conv2d": "conv2d", "convtrans1d": "conv1d", "convtrans2d": "conv2d", "pool1d": "pool1d",
    "pool2d": "pool2d", "upscale2d": "upscale2d", "upscale2d_like": "upscale2d_like", "attention": "attention", "topk": "topk",
    "attention_reshape": "attention_reshape", "axpy": "axpy", "unstack": "unstack",
    **dict.fromkeys(("einsum", "concat_shape_along"), "generic"),
}  # fmt: skip
OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv"}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
LOGIC = {"bool_and": "and", "bool_or": "or", "bool_xor": "xor"}


def rule_of(function: Any, specs: dict[str, Any]) -> str:
    """The rule of an op's function; "" if there is none."""
    name = function.__name__
    if name in OPERATORS:
        return "arithmetic"
    if name in COMPARISONS:
        return "comparison"
    if name in LOGIC:
        return "logic"
    if name in RULES:
        return RULES[name]
    if f"{name}_" in RULES:
        return RULES[f"{name}_"]
    spec = specs.get(name)
    if spec is not None and spec.kind == "elementwise" and spec.n_scalars == 0 and spec.first is None:
        required = len(inspect.signature(function).parameters)
        if required == spec.n_args == 1:
            return "unary" if spec.gives == "same" else "unary_bool"
        if required == spec.n_args == 2:
            return "binary"
    return ""


def unruled(table: dict[str, Any], specs: dict[str, Any]) -> list[str]:
    """Ops that get a generic stub only."""
    return sorted(n for n, f in table.items() if not n.startswith("_") and not rule_of(f, specs))


# ----- rules: each adds the overloads of one op


def unary(w: Writer) -> None:
    e = w.takes
    w.add(w.me("S", e), w.view.tensor("S", e), False)


def unary_bool(w: Writer) -> None:
    w.add(w.me("S", w.takes), w.view.tensor("S", "bool_", t="NoTape"), False)


def same_with(w: Writer) -> None:
    e = {"powi": "EN", "dropout": "EF"}.get(w.function.__name__, w.takes)
    w.add(f"{w.me('S', e)}, {w.extras()}", w.view.tensor("S", e), False)


def same_any(w: Writer) -> None:
    more = w.extras()
    w.add(w.me() + (f", {more}" if more else ""), w.view.tensor("S"), False)


def same_index(w: Writer) -> None:
    more = w.extras()
    w.add(w.me() + (f", {more}" if more else ""), w.view.tensor("S", "i64", t="NoTape"), False)


def same_mixed(w: Writer) -> None:
    """Normalisation with parameters along the last axis."""
    for dims, last in (("*B M0", "M0"), ("S", "Any")):
        axis = "axis: Literal[-1] = ..." if last == "M0" else "axis: Any"
        kw = "" if last == "M0" else "*, "
        names = [p.name for p in w.rest if p.name in ("gamma", "beta")]
        tensors = ", ".join(f"{n}: {w.view.tensor(last, t=f'T{i + 2}')}" for i, n in enumerate(names))
        out = " | ".join(["Tp", *[f"T{i + 2}" for i in range(len(names))]])
        w.add(f"{w.me(dims)}, {tensors}, {kw}{axis}, eps: float = ...", w.view.tensor(dims, t=out))


def binary(w: Writer) -> None:
    e = w.takes
    more = w.extras((w.rest[0].name,))
    other = f"{w.rest[0].name}: {w.view.tensor('S', e, t='T2')}"
    w.add(f"{w.me('S', e)}, {other}" + (f", {more}" if more else ""), w.view.tensor("S", e, t="Tp | T2"), False)


def pow_(w: Writer) -> None:
    name = w.rest[0].name
    w.add(f"{w.me()}, {name}: {w.view.tensor('S', t='T2')}", w.view.tensor("S", t="Tp | T2"))
    w.add(f"{w.me()}, {name}: float", w.view.tensor("S"))


def arithmetic(w: Writer) -> None:
    e = "EF" if w.function.__name__ == "div" else "EN"
    w.add(f"{w.me('S', e)}, b: {w.view.tensor('S', e, t='T2')}", w.view.tensor("S", e, t="Tp | T2"))
    w.add(f"{w.me('S', 'EF')}, b: float", w.view.tensor("S", "EF"))
    if e == "EN":
        w.add(f"{w.me('S', 'EI')}, b: int", w.view.tensor("S", "EI"))


def comparison(w: Writer) -> None:
    w.add(f"{w.me()}, b: {w.view.tensor('S', t='T2')}", w.view.tensor("S", "bool_", t="NoTape"))
    w.add(f"{w.me()}, b: float", w.view.tensor("S", "bool_", t="NoTape"))


def logic(w: Writer) -> None:
    w.add(f"{w.me('S', 'EL')}, b: {w.view.tensor('S', 'EL', t='T2')}", w.view.tensor("S", "EL", t="NoTape"))
    w.add(f"{w.me('S', 'EL')}, b: int", w.view.tensor("S", "EL", t="NoTape"))


def choose(w: Writer) -> None:
    cond = w.me("S", "bool_", "T0" if w.own else "Tp")
    e = "E2"
    w.add(
        f"{cond}, a: {w.view.tensor('S', e, t='T1')}, b: {w.view.tensor('S', e, t='T2')}",
        w.view.tensor("S", e, t="T1 | T2"),
    )
    w.add(f"{cond}, a: {w.view.tensor('S', e, t='T1')}, b: float", w.view.tensor("S", e, t="T1"))
    w.add(f"{cond}, a: float, b: {w.view.tensor('S', e, t='T1')}", w.view.tensor("S", e, t="T1"))


def matmuls(view: View) -> list[tuple[str, str, str]]:
    """(a, b, a @ b) for each pair of ranks."""
    rows = [("K", "K N", "N"), ("*B M K", "K", "*B M"), ("*B M K", "K N", "*B M N"), ("*B M K", "*B K N", "*B M N")]
    out = [(view.tensor(a), view.tensor(b, t="T2"), view.tensor(c, t="Tp | T2")) for a, b, c in rows]
    # mypy takes an unknown shape for the first that fits, a vector's
    unknown = f"Tensor[{tables.UNKNOWN_RANK}, E, D, Tp]", view.tensor("S2", t="T2"), view.tensor("Any", t="Tp | T2")
    return [unknown, *out] if view.std else out


def matmul(w: Writer) -> None:
    first, other = w.own or "self", w.rest[0].name
    for a, b, out in matmuls(w.view):
        w.add(f"{first}: {a}, {other}: {b}", out)


def dot(w: Writer) -> None:
    w.add(f"{w.me('K')}, b: {w.view.tensor('K', t='T2')}", w.view.tensor("", t="Tp | T2"), False)


def outer(w: Writer) -> None:
    w.add(f"{w.me('M')}, b: {w.view.tensor('N', t='T2')}", w.view.tensor("M N", t="Tp | T2"), False)


def linear(w: Writer) -> None:
    weight, bias = w.view.tensor("N K", t="T2"), w.view.tensor("N", t="T3")
    w.add(f"{w.me('*B K')}, weight: {weight}, bias: None = ...", w.view.tensor("*B N", t="Tp | T2"))
    w.add(f"{w.me('*B K')}, weight: {weight}, bias: {bias}", w.view.tensor("*B N", t="Tp | T2 | T3"))


def select(w: Writer) -> None:
    for axis in (0, 1, 2):
        ms = tables.ms(axis)
        dims, out = " ".join([*ms, "Z0", "*B"]), " ".join([*ms, "*B"])
        given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
        index = f"int | {w.view.tensor(' '.join(ms), 'EI', t='Any')}"
        w.add(f"{w.me(dims)}, index: {index}, {given}", w.view.tensor(out))
    w.add(f"{w.me('*B Z0')}, index: int | {w.view.tensor('*B', 'EI', t='Any')}, axis: Literal[-1]", w.view.tensor("*B"))


def gather(w: Writer) -> None:
    for axis in (0, 1, 2):
        ms = tables.ms(axis)
        for k in (1, 0, 2, 3):
            zs = [f"Z{i + 1}" for i in range(k)]
            given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
            index = w.view.tensor(" ".join([*ms, *zs]), "EI", t="Any")
            w.add(
                f"{w.me(' '.join([*ms, 'Z0', '*B']))}, index: {index}, {given}",
                w.view.tensor(" ".join([*ms, *zs, "*B"])),
            )


def scatter_add(w: Writer) -> None:
    size = "L0" if w.view.std else "Int[L0]"
    for kind, given in (("L0", size), ("Any", "int")) if w.view.std else (("L0", size),):
        index = w.view.tensor("Z0", "EI", t="Any")
        w.add(f"{w.me('Z0 *B')}, index: {index}, size: {given}, axis: Literal[0] = ...", w.view.tensor(f"{kind} *B"))
    w.add(f"{w.me('Any')}, index: {w.view.tensor('Any', 'EI', t='Any')}, size: int, axis: int", w.view.tensor("Any"))


def flatten(w: Writer) -> None:
    if w.view.std:
        w.add(w.me(), "Tensor[tuple[Any], E, D, Tp]", False)
        return
    for n in range(1, 7):
        ms = tables.ms(n)
        w.add(w.me(" ".join(ms)), w.view.tensor("*".join(ms)))


def like(w: Writer) -> None:
    target = w.view.tensor("S2", "Any", "Any", "Any")
    more = ", axes: Any = ..." if "axes" in [p.name for p in w.rest] else ""
    w.add(f"{w.me()}, other: {target}{more}", w.view.tensor("S2"))
    w.add(f"{w.me()}, other: S2{more}", w.view.tensor("S2"))


def same_rank(w: Writer) -> None:
    more = w.extras()
    for n in range(1, 7):
        dims = " ".join(tables.ms(n))
        w.add(f"{w.me(dims)}, {more}", w.view.tensor(" ".join(["Any"] * n)))


def slice_(w: Writer) -> None:
    for dims, params, out in tables.slices():
        w.add(f"{w.me(dims)}, {params}", w.view.tensor(out))


def to_dtype(w: Writer) -> None:
    w.add(f"{w.me()}, dtype: type[E2]", w.view.tensor("S", "E2"))
    w.add(f"{w.me()}, dtype: str | np.dtype[Any]", w.view.tensor("S", "Any"))


def to_device(w: Writer) -> None:
    w.add(f"{w.me()}, device: D2", w.view.tensor("S", d="D2"))
    for name, d in (("cpu", "Cpu"), ("cuda", "Cuda"), ("opencl", "OpenCL")):
        w.add(f'{w.me()}, device: Literal["{name}"]', w.view.tensor("S", d=d))
    w.add(f"{w.me()}, device: str", w.view.tensor("S", d="Any"))


def joined(w: Writer) -> str:
    return w.rest[0].name if w.rest else "axis"


def stack(w: Writer) -> None:
    for axis, dims, out in ((0, "*B", "{n} *B"), (1, "M0 *B", "M0 {n} *B"), (-1, "*B", "*B {n}")):
        given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
        for n in range(1, 9):
            each = ", ".join(w.view.tensor(dims, t=f"T{i}") for i in range(n))
            out_t = " | ".join(f"T{i}" for i in range(n))
            w.add(f"tensors: tuple[{each}], {given}", w.view.tensor(out.format(n=n), t=out_t))
        listed = out.format(n="int" if w.view.std else "Any")
        for kind in (f"list[{w.view.tensor(dims)}]", f"Sequence[{w.view.tensor(dims)}]")[:1]:
            w.add(f"tensors: {kind}, {given}", w.view.tensor(listed))


def concat(w: Writer) -> None:
    for axis in (0, 1, 2, -1):
        given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
        lead = [] if axis < 0 else tables.ms(axis)
        for n in range(1, 5 if w.view.std else 9):
            shapes = [" ".join(["*B", f"N{i}"] if axis < 0 else [*lead, f"N{i}", "*B"]) for i in range(min(n, 6))]
            shapes += [shapes[0].replace("N0", "Any")] * (n - len(shapes))
            each = ", ".join(w.view.tensor(s, t=f"T{i}") for i, s in enumerate(shapes))
            out_t = " | ".join(f"T{i}" for i in range(n))
            w.add(f"tensors: tuple[{each}], {given}", w.view.tensor(_summed(w, shapes, n), t=out_t))
        dims = shapes[0].replace("N0", "Any")
        if w.view.std:  # more than four: pyright reads each overload
            each = w.view.tensor(dims, t="Any")
            w.add(f"tensors: tuple[{f'{each}, ' * 5}*tuple[{each}, ...]], {given}", w.view.tensor(dims, t="Any"))
        w.add(f"tensors: list[{w.view.tensor(dims)}], {given}", w.view.tensor(dims))
    if w.view.std:  # mypy and ty join the types of a list's items
        w.add(f"tensors: list[{w.view.tensor('Any', t='Any')}], axis: int = ...", w.view.tensor("Any", t="Any"))


def _summed(w: Writer, shapes: list[str], n: int) -> str:
    total = "Any" if w.view.std or n > 6 else "+".join(f"N{i}" for i in range(n))
    return shapes[0].replace("N0", total)


def concat_along(w: Writer) -> None:
    for axis in (0, 1, 2, -1):
        given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
        lead = [] if axis < 0 else tables.ms(axis)
        a, b = (" ".join(["*B", f"N{i}"] if axis < 0 else [*lead, f"N{i}", "*B"]) for i in (0, 1))
        out = a.replace("N0", "Any" if w.view.std else "N0+N1")
        w.add(f"{w.me(a)}, other: {w.view.tensor(b, t='T2')}, {given}", w.view.tensor(out, t="Tp | T2"))


def where(w: Writer) -> None:
    cond = f"cond: {w.view.tensor('S', 'bool_', t='Any')}"
    a, b = w.view.tensor("S"), w.view.tensor("S", t="T2")
    w.add(f"{cond}, a: {a}, b: {b}", w.view.tensor("S", t="Tp | T2"))
    w.add(f"{cond}, a: {a}, b: float", w.view.tensor("S"))
    w.add(f"{cond}, a: float, b: {a}", w.view.tensor("S"))


def attention_reshape(w: Writer) -> None:
    """qkv (M, 3 H K), past_k (H, K, P), past_v (H, P, K)."""
    more = "Any" if w.view.std else "P+M"
    out = ", ".join(w.view.tensor(d, t="Tp | T2 | T3") for d in ("H M K", f"H K {more}", f"H {more} K"))
    past = f"past_k: {w.view.tensor('H K P', t='T2')}, past_v: {w.view.tensor('H P K', t='T3')}"
    w.add(f"{w.me('M Any')}, {past}", f"tuple[{out}]", False)


def axpy(w: Writer) -> None:
    w.add(
        f"{w.me()}, alpha: float, b: {w.view.tensor('S', t='T2')}, beta: float", w.view.tensor("S", t="Tp | T2"), False
    )


def unstack(w: Writer) -> None:
    for axis, dims, out in ((0, "M0 *B", "*B"), (1, "M0 M1 *B", "M0 *B"), (-1, "*B M0", "*B")):
        given = "axis: Literal[0] = ..." if axis == 0 else f"axis: Literal[{axis}]"
        w.add(f"{w.me(dims)}, {given}", f"tuple[{w.view.tensor(out)}, ...]")


def attention(w: Writer) -> None:
    """q (.., M, K), k (.., N, K), v (.., N, O)."""
    q, k, v = w.me("*B M K"), w.view.tensor("*B N K", t="T2"), w.view.tensor("*B N O", t="T3")
    mask = f"mask: {w.view.tensor('Any', 'Any', t='Any')} | None = ..."
    more = "*, causal: builtins.bool = ..., scale: float | None = ..."
    w.add(f"{q}, k: {k}, v: {v}, {mask}, {more}", w.view.tensor("*B M O", t="Tp | T2 | T3"), False)


def topk(w: Writer) -> None:
    more = "axis: Literal[-1] = ..., largest: builtins.bool = ..."
    for given, dim in (("L0", "L0"), ("N0", "N0")) if w.view.std else (("Int[L0]", "L0"),):
        pair = f"tuple[{w.view.tensor(f'*B {dim}')}, {w.view.tensor(f'*B {dim}', 'i64', t='NoTape')}]"
        w.add(f"{w.me('*B M0')}, k: {given}, {more}", pair)
    unknown = f"tuple[{w.view.tensor('Any')}, {w.view.tensor('Any', 'i64', t='NoTape')}]"
    w.add(f"{w.me()}, k: int, axis: int, largest: builtins.bool = ...", unknown)


def generic(w: Writer) -> None:
    """What is not known: every parameter and dim is Any."""
    text = str(inspect.signature(w.function).return_annotation)
    params = re.sub(r"'[^']*'", "Any", ", ".join(map(_loose, w.rest)))
    returns = w.view.tensor("Any", "Any", "Any", "Any") if text in ("Tensor", "'Tensor'") else "Any"
    me = f"{w.own}: Any" if w.own else "self"
    w.add(me + (f", {params}" if params else ""), returns, False)


def _loose(p: inspect.Parameter) -> str:
    star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    return f"{star}{p.name}: Any" + ("" if p.default is p.empty else " = ...")


# ----- rules whose overloads are a table: an object in the standard view, a shape rule in pyrefly's


class Table:
    """A table of shapes, written once as the class of an object: `x.sum` is a `Reduce`, `dfdx.sum` a `ReduceFunction`."""

    def __init__(
        self,
        helper: str,
        rows: Callable[[str], list[tables.Row]],
        pf: Callable[[Writer, str, str], None],
        e: str = "E",
        t: str = "Tp",
    ) -> None:
        self.helper, self.rows, self.pf, self.e, self.t = helper, rows, pf, e, t

    def class_name(self, name: str) -> str:
        return self.helper + {"var": "Var", "stddev": "Std", "norm": "Norm", "normalize": "Eps"}.get(name, "")

    def function_class(self, name: str) -> str:
        return self.class_name(name) + "Function" + {"bool_": "ToBool", "i64": "ToIndex"}.get(self.e, "")

    def __call__(self, w: Writer) -> None:
        name = w.function.__name__
        if not w.view.std:
            self.pf(w, self.e, self.t)
        elif w.own:
            w.lines.append(f"{w.name}: {self.function_class(name)}\n")
        else:
            w.lines.append(
                f"    @property\n    def {w.name}(self) -> {self.class_name(name)}[S, {self.e}, D, {self.t}]: ...\n"
            )

    def classes(self, view: View, function: Any) -> dict[str, str]:
        """The object's classes by name."""
        name = function.__name__
        own, free = self.class_name(name), self.function_class(name)
        also = _extras_of(function, ("axes", "to", "axis", "shape"))
        head = (
            f"class {own}(Generic[S, E, D, Tp]):\n"
            + f'    """What `x.{name}` is: the table of shapes, written once."""\n\n'
        )
        out, alone = [head], [f"class {free}:\n" + f'    """What `dfdx.{name}` is."""\n\n']
        for dims, params, result in self.rows(also):
            params = re.sub(r"<([^>]*)>", lambda m: view.shape(m[1]), params)
            me = f"self: {own}[{view.shape(dims)}, E, D, Tp]" if dims != "S" else "self"
            out.append(view.function("__call__", f"{me}, {params}", view.tensor(result), IN_CLASS, True, 4))
            x = f"self, x: {view.tensor(dims)}"
            alone.append(
                view.function("__call__", f"{x}, {params}", view.tensor(result, self.e, t=self.t), (), True, 4)
            )
        return {own: "".join(out), free: "".join(alone)}


def _extras_of(function: Any, skip: tuple[str, ...]) -> str:
    """Further parameters of a reduction, such as `eps: float = ...`, as text."""
    rest = list(inspect.signature(function).parameters.values())[1:]
    plain = [f"{p.name}: {plain_type(p)} = ..." for p in rest if p.name not in skip and p.kind is not p.KEYWORD_ONLY]
    named = [f"{p.name}: {plain_type(p)} = ..." for p in rest if p.name not in skip and p.kind is p.KEYWORD_ONLY]
    return ", ".join([*plain, *(["*", *named] if named else [])])


def _pf_reduce(w: Writer, e: str, t: str) -> None:
    also = _extras_of(w.function, ("axes", "to"))
    more = f", {also}" if also else ""
    to = also if "*" in also else f"{also}, *" if also else "*"
    if e == "i64":
        w.add(f"{w.me()}, axis: AX = None", f"Tensor[reduce_shape(S, AX), {e}, D, {t}]", False)
        return
    w.add(f"{w.me()}, axes: AX = None{more}", f"Tensor[reduce_shape(S, AX), {e}, D, {t}]")
    w.add(f"{w.me()}, axes: list[int]{more}", f"Tensor[Any, {e}, D, {t}]")
    w.add(f"{w.me()}, axes: None = None, {to}, to: S2", f"Tensor[reduce_to_shape(S, S2), {e}, D, {t}]")


def _pf_axis(w: Writer, e: str, t: str) -> None:
    also = _extras_of(w.function, ("axis",))
    more = f", {also}" if also else ""
    w.add(f"{w.me()}, axis: AX = -1{more}", f"Tensor[axis_shape(S, AX), {e}, D, {t}]", False)


def _pf_permute(w: Writer, e: str, t: str) -> None:
    w.add(f"{w.me()}, axes: AX", f"Tensor[permute_shape(S, AX), {e}, D, {t}]", False)


def _pf_reshape(w: Writer, e: str, t: str) -> None:
    w.add(f"{w.me()}, shape: S2", f"Tensor[reshape_shape(S, S2), {e}, D, {t}]")
    w.add(f"{w.me()}, shape: tuple[int, ...] | list[int]", f"Tensor[Any, {e}, D, {t}]")


def _pf_realize(w: Writer, e: str, t: str) -> None:
    w.add(f"{w.me()}, shape: S2", f"Tensor[realize_shape(S, S2), {e}, D, {t}]")
    w.add(f"{w.me()}, shape: tuple[int, ...] | list[int]", f"Tensor[Any, {e}, D, {t}]")


def _pf_broadcast(w: Writer, e: str, t: str) -> None:
    w.add(f"{w.me()}, shape: S2, axes: AX = None", f"Tensor[broadcast_shape(S, S2, AX), {e}, D, {t}]")
    w.add(f"{w.me()}, shape: tuple[int, ...] | list[int], axes: Any = None", f"Tensor[Any, {e}, D, {t}]")


def _reshape_rows(_: str) -> list[tables.Row]:
    rows = [("S", f"shape: {arg}", out) for arg, out in tables.inferred_dim()]
    rows += [("S", f"shape: {arg}", out) for arg, out in tables.shape_args()]
    return [*rows, ("S", "shape: tuple[int, ...] | list[int]", "Any")]


def _realize_rows(_: str) -> list[tables.Row]:
    rows: list[tables.Row] = []
    for n in range(7):
        rows += [(" ".join(tables.ms(n)), f"shape: {arg}", out) for arg, out in tables.shape_args(range(n, n + 1))]
    return rows


def _axis_rows(also: str) -> list[tables.Row]:
    more = f", {also}" if also else ""
    return [(a, b + more, c) for a, b, c in tables.axis_kept()]


TABLES: dict[str, Table] = {
    "reduce": Table("Reduce", tables.reductions, _pf_reduce),
    "reduce_bool": Table("Reduce", tables.reductions, _pf_reduce, "bool_", "NoTape"),
    "reduce_index": Table("ArgReduce", lambda _: tables.index_reductions(), _pf_reduce, "i64", "NoTape"),
    "axis_kept": Table("AlongAxis", _axis_rows, _pf_axis),
    "permute": Table("Permute", lambda _: tables.permutes(), _pf_permute),
    "reshape": Table("Reshape", _reshape_rows, _pf_reshape),
    "realize": Table("Realize", _realize_rows, _pf_realize),
    "broadcast_to": Table("Broadcast", lambda _: tables.broadcasts(), _pf_broadcast),
}

KINDS: dict[str, Callable[[Writer], None]] = {
    "unary": unary, "unary_bool": unary_bool, "same_with": same_with, "same_any": same_any, "same_index": same_index,
    "same_mixed": same_mixed, "binary": binary, "pow": pow_, "arithmetic": arithmetic, "comparison": comparison,
    "logic": logic, "choose": choose, "matmul": matmul, "dot": dot, "outer": outer, "linear": linear, "select": select,
    "gather": gather, "scatter_add": scatter_add, "flatten": flatten, "like": like, "same_rank": same_rank,
    "slice": slice_, "to_dtype": to_dtype, "to_device": to_device, "stack": stack, "concat": concat,
    "concat_along": concat_along, "where": where, "conv1d": conv1d, "conv2d": conv2d, "pool1d": lambda w: pool(w, "H"),
    "pool2d": lambda w: pool(w, "H W"), "upscale2d": upscale2d, "attention": attention, "topk": topk, "upscale2d_like": upscale2d_like, "attention_reshape": attention_reshape, "axpy": axpy, "unstack": unstack,
    "generic": generic, "": generic, **TABLES,
}  # fmt: skip
FREE_ONLY = ("concat", "stack", "where")  # their first parameter is not the tensor they belong to


def _one(view: View, name: str, function: Any, specs: dict[str, Any], own: bool) -> str:
    rule = rule_of(function, specs)
    first = next(iter(inspect.signature(function).parameters), "x")
    spec = specs.get(function.__name__)
    w = Writer(view, name, function, spec, first if own else "")
    KINDS.get(rule, generic)(w)
    return w.text()


def methods(view: View, names: dict[str, Any], specs: dict[str, Any]) -> str:
    """The methods of `Tensor`, by name."""
    return "".join(_one(view, n, f, specs, False) for n, f in sorted(names.items()))


def functions(view: View, names: dict[str, Any], specs: dict[str, Any]) -> str:
    """The free functions, by name."""
    return "\n".join(_one(view, n, f, specs, True) for n, f in sorted(names.items()) if not n.startswith("_"))


def helpers(view: View, names: dict[str, Any], specs: dict[str, Any]) -> str:
    """The classes of the objects that stand for ops with a table."""
    found: dict[str, str] = {}
    for _, f in sorted(names.items()):
        table = TABLES.get(rule_of(f, specs))
        if table is not None:
            for name, text in table.classes(view, f).items():
                found.setdefault(name, text)
    return "\n\n".join(found[n] for n in sorted(found))


def operators(view: View) -> str:
    """`+ - * /` and their reflected forms, comparisons and logic."""
    out = []
    for name in ("add", "sub", "mul", "truediv"):
        e = "EF" if name == "truediv" else "EN"
        me = f"self: {view.tensor('S', e)}"
        rows = [(f"{me}, b: {view.tensor('S', e, t='T2')}, /", view.tensor("S", e, t="Tp | T2"))]
        rows.append((f"self: {view.tensor('S', 'EF')}, b: float, /", view.tensor("S", "EF")))
        back = [(f"self: {view.tensor('S', 'EF')}, b: float, /", view.tensor("S", "EF"))]
        if name != "truediv":
            rows.append((f"self: {view.tensor('S', 'EI')}, b: int, /", view.tensor("S", "EI")))
            back.append((f"self: {view.tensor('S', 'EI')}, b: int, /", view.tensor("S", "EI")))
        out += [view.function(f"__{name}__", a, b, IN_CLASS, True, 4) for a, b in rows]
        out += [view.function(f"__r{name}__", a, b, IN_CLASS, len(back) > 1, 4) for a, b in back]
    boolean = view.tensor("S", "bool_", t="NoTape")
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        ignore = "  # type: ignore[override]" if name in ("eq", "ne") else ""
        out.append(
            view.function(
                f"__{name}__",
                f"self, b: {view.tensor('S', t='T2')} | float, /",
                boolean,
                IN_CLASS,
                False,
                4,
                suffix=ignore,
            )
        )
    for name in ("and", "or", "xor"):
        me = f"self: {view.tensor('S', 'EL')}"
        for dunder, other in ((f"__{name}__", f"{view.tensor('S', 'EL', t='T2')} | int"), (f"__r{name}__", "int")):
            out.append(
                view.function(dunder, f"{me}, b: {other}, /", view.tensor("S", "EL", t="NoTape"), IN_CLASS, False, 4)
            )
    return "".join(out)
