"""Arithmetic for mypy that the type system cannot express: `plugins = dfdx.mypy_plugin` in its configuration.

It adds literals that are not in the table, element counts of `reshape`, sums of `concat`, shapes of nested lists, sizes of
convolutions, pools and `flatten` through whole models, and the dtypes that a method takes. Optional: without it such dims are
`Any` and are checked at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import prod
from typing import Any

from mypy.constant_fold import constant_fold_expr
from mypy.nodes import Expression, FuncDef, ListExpr, OverloadedFuncDef, TupleExpr
from mypy.plugin import FunctionContext, MethodContext, Plugin
from mypy.subtypes import is_subtype
from mypy.types import (
    CallableType,
    ExtraAttrs,
    Instance,
    LiteralType,
    Overloaded,
    TupleType,
    Type,
    TypeVarType,
    get_proper_type,
)

__all__ = ["plugin"]

STD = "dfdx.core.static.std."
Context = FunctionContext | MethodContext
Dim = Any  # an int where it is known, else its type
Hook = Callable[[Any], Type]


def value(t: Type | None) -> int | None:
    """The int that a type stands for, declared or last known."""
    t = get_proper_type(t) if t is not None else None
    if isinstance(t, Instance) and t.last_known_value is not None:
        t = t.last_known_value
    return t.value if isinstance(t, LiteralType) and type(t.value) is int else None


def folded(e: Expression | None) -> int | None:
    """`16 * 13 * 13` and Final names: `int` to mypy, but its constant folder knows the value."""
    v = constant_fold_expr(e, "__main__") if e is not None else None
    return v if type(v) is int else None


def dims_of(t: Type | None) -> list[Dim] | None:
    """The dims of a tuple type."""
    t = get_proper_type(t) if t is not None else None
    if not isinstance(t, TupleType):
        return None
    return [get_proper_type(i) if value(i) is None else value(i) for i in t.items]


def shape_of(t: Type | None) -> list[Dim] | None:
    """The dims of a tensor type."""
    t = get_proper_type(t) if t is not None else None
    return dims_of(t.args[0]) if isinstance(t, Instance) and t.args else None


class Call:
    """One call: its arguments by name, and its result."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.types: dict[str, Type] = {}
        self.nodes: dict[str, Expression] = {}
        for name, types, nodes in zip(ctx.callee_arg_names, ctx.arg_types, ctx.args, strict=False):
            if name and types:
                self.types[name], self.nodes[name] = types[0], nodes[0]
        self.first = ctx.arg_types[0][0] if ctx.arg_types and ctx.arg_types[0] else None
        self.result = ctx.default_return_type
        self.me = get_proper_type(ctx.type) if isinstance(ctx, MethodContext) else None

    def int_of(self, name: str, default: int | None = None) -> int | None:
        """An int argument, or its default where it is not given."""
        if name not in self.types:
            return default
        v = value(self.types[name])
        return folded(self.nodes[name]) if v is None else v

    def pair(self, name: str, default: int) -> tuple[int | None, int | None]:
        """An argument that is an int or a pair of them."""
        if name in self.types and (dims := dims_of(self.types[name])) is not None and len(dims) == 2:
            a, b = dims
            return (a if isinstance(a, int) else None), (b if isinstance(b, int) else None)
        v = self.int_of(name, default)
        return v, v

    def given_shape(self, name: str = "shape") -> list[Dim] | None:
        """A shape argument with `(8 * 4, N)` folded."""
        dims, node = dims_of(self.types.get(name)), self.nodes.get(name)
        if dims is None or not isinstance(node, TupleExpr) or len(node.items) != len(dims):
            return dims
        return [
            d if isinstance(d, int) or folded(e) is None else folded(e) for d, e in zip(dims, node.items, strict=True)
        ]

    def literal(self, n: int) -> Type:
        return LiteralType(n, self.ctx.api.named_generic_type("builtins.int", []))

    def shape(self, dims: Sequence[Dim]) -> TupleType:
        """A tuple type of these dims."""
        items = [self.literal(d) if isinstance(d, int) else d for d in dims]
        return TupleType(
            items,
            self.ctx.api.named_generic_type("builtins.tuple", [self.ctx.api.named_generic_type("builtins.int", [])]),
        )

    def with_shape(self, dims: Sequence[Dim] | None) -> Type:
        """The result with these dims."""
        t = get_proper_type(self.result)
        if dims is None or not isinstance(t, Instance) or not t.args:
            return self.result
        return t.copy_modified(args=[self.shape(dims), *t.args[1:]])

    def fail(self, message: str) -> None:
        self.ctx.api.fail(message, self.ctx.context)


def _known(dims: Sequence[Dim] | None) -> bool:
    return dims is not None and all(isinstance(d, int) for d in dims)


def _text(dims: Sequence[Dim]) -> str:
    return "[" + ", ".join(str(d) if isinstance(d, int) else "?" for d in dims) + "]"


# ----- tensors


def fill(ctx: MethodContext) -> Type:
    """`dev.zeros(shape)`: every literal is kept."""
    call = Call(ctx)
    return call.with_shape(call.given_shape())


def reshape(ctx: MethodContext) -> Type:
    """The counts are equal; -1 is what is left."""
    call = Call(ctx)
    old, new = shape_of(call.me), call.given_shape()
    if new is None:
        return call.result
    if _known(old) and _known(new):
        assert old is not None
        if new.count(-1) == 1 and (rest := prod(d for d in new if d != -1)) and prod(old) % rest == 0:
            new = [prod(old) // rest if d == -1 else d for d in new]
        if prod(new) != prod(old):
            call.fail(f"[reshape] {_text(old)} has {prod(old)} elements, {_text(new)} has {prod(new)}")
    return call.with_shape([d for d in new]) if -1 not in new else call.result


def realize(ctx: MethodContext) -> Type:
    """Only run-time dims become others."""
    call = Call(ctx)
    old, new = shape_of(call.me), call.given_shape()
    if (
        old is not None
        and new is not None
        and any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(old, new, strict=False))
    ):
        call.fail(f"[realize] the shape is {_text(old)}, not {_text(new)}")
    return call.with_shape(new)


def _ways(small: Sequence[Dim], large: Sequence[Dim]) -> int:
    """In how many ways the small shape is the large one without some axes."""
    return sum([large[i] for i in kept] == list(small) for kept in combinations(range(len(large)), len(small)))


def broadcast(ctx: MethodContext) -> Type:
    """Without axes the place of the new ones is found from the dims, and there is one."""
    call = Call(ctx)
    old, new = shape_of(call.me), call.given_shape()
    if "axes" not in call.types and _known(old) and _known(new) and old and new and old != new and _ways(old, new) > 1:
        call.fail(f"[broadcast_to] {_text(old)} can become {_text(new)} in {_ways(old, new)} ways: name the axes")
    return call.with_shape(new)


def reduce(ctx: MethodContext) -> Type:
    """A target shape is reached in one way."""
    call = Call(ctx)
    old, new = shape_of(call.me), call.given_shape("to") if "to" in call.types else None
    if new and _known(old) and _known(new) and old is not None and _ways(new, old) > 1:
        call.fail(f"[reduce] {_text(old)} can become {_text(new)} in {_ways(new, old)} ways: name the axes")
    return call.result


def concat(ctx: Context) -> Type:
    """The sum along the axis, where all parts are known."""
    call = Call(ctx)
    if "tensors" in call.types:
        parts = get_proper_type(call.types["tensors"])
        shapes = [shape_of(t) for t in parts.items] if isinstance(parts, TupleType) else []
    else:
        shapes = [shape_of(call.me or call.types.get("x")), shape_of(call.types.get("other"))]
    axis = call.int_of("axis", 0)
    if axis is None or not shapes or any(s is None or not -len(s) <= axis < len(s) for s in shapes):
        return call.result
    along = [s[axis] for s in shapes if s is not None]
    if not _known(along):
        return call.result
    out = list(shapes[0] or ())
    out[axis] = sum(along)
    return call.with_shape(out)


def nested(e: Expression) -> tuple[list[int], str] | None:
    """The shape of nested list displays, and what is ragged in them; None where an item is no display or number."""
    if not isinstance(e, (ListExpr, TupleExpr)):
        return [], ""
    inner = [nested(i) for i in e.items]
    if any(i is None for i in inner):
        return None
    shapes = [i[0] for i in inner if i is not None]
    problem = next((i[1] for i in inner if i is not None and i[1]), "")
    if any(s != shapes[0] for s in shapes):
        problem = problem or f"rows of {shapes[0]} and {next(s for s in shapes if s != shapes[0])}"
    return [len(shapes), *(shapes[0] if shapes else [])], problem


def tensor(ctx: MethodContext) -> Type:
    """`dev.tensor([[1.0, 2.0]])`: the lengths of the lists."""
    call = Call(ctx)
    node = call.nodes.get("data")
    found = nested(node) if isinstance(node, (ListExpr, TupleExpr)) else None
    old = shape_of(call.result)
    if found is not None and found[1]:
        call.fail(f"[tensor] the nested lists are ragged: {found[1]}")
        return call.result
    return (
        call.with_shape(found[0])
        if found is not None and old is not None and len(old) == len(found[0])
        else call.result
    )


def flatten(ctx: MethodContext) -> Type:
    """The number of elements."""
    call = Call(ctx)
    old = shape_of(call.me)
    return call.with_shape([prod(old)]) if old is not None and _known(old) else call.result


def _window(n: Dim, kernel: Any, stride: Any, padding: Any, dilation: Any, transposed: bool = False) -> Dim:
    """The size that a window leaves; what is not known stays what it was."""
    if not all(isinstance(v, int) for v in (n, kernel, stride, padding, dilation)) or stride < 1:
        return None
    if transposed:
        return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _spatial(call: Call, n_axes: int, kernel: Sequence[Any], x: list[Dim] | None, transposed: bool = False) -> Type:
    """The result of a window that moves over the last axes of x."""
    shape = shape_of(call.result)
    if x is None or shape is None or len(x) < n_axes or len(shape) != len(x):
        return call.result
    settings = zip(call.pair("stride", 1), call.pair("padding", 0), call.pair("dilation", 1), strict=True)
    sizes = [_window(n, k, *s, transposed) for n, k, s in zip(x[-n_axes:], kernel, settings, strict=False)]
    merged = [new if new is not None else old for new, old in zip(sizes, shape[-n_axes:], strict=True)]
    if any(isinstance(n, int) and n < 1 for n in merged):
        call.fail(f"[{_text(x)}] is smaller than the window")
    return call.with_shape([*shape[:-n_axes], *merged])


def conv(n_axes: int, transposed: bool = False) -> Hook:
    """`x.conv2d(weight)` and its kin."""

    def hook(ctx: Context) -> Type:
        call = Call(ctx)
        weight = shape_of(call.types.get("weight"))
        if weight is None or "output_padding" in call.types:
            return call.result
        return _spatial(call, n_axes, weight[-n_axes:], shape_of(call.me or call.types.get("x")), transposed)

    return hook


def pool(n_axes: int) -> Hook:
    """`x.pool2d(kind, kernel)`; the stride is the kernel if it is left out."""

    def hook(ctx: Context) -> Type:
        call = Call(ctx)
        kernel = call.pair("kernel", 0)
        if "stride" not in call.types and "kernel" in call.types:
            call.types["stride"], call.nodes["stride"] = call.types["kernel"], call.nodes["kernel"]
        return _spatial(call, n_axes, kernel, shape_of(call.me or call.types.get("x")))

    return hook


def takes(ctx: MethodContext) -> Type:
    """The dtype is one that the method takes: mypy does not hold a receiver to the bounds of its variables."""
    me = get_proper_type(ctx.type)
    name = getattr(ctx.context, "name", None) or getattr(getattr(ctx.context, "callee", None), "name", None)
    name = name or {"&": "__and__", "|": "__or__", "^": "__xor__", "/": "__truediv__", "+": "__add__", "-": "__sub__", "*": "__mul__",
                    "~": "__invert__"}.get(getattr(ctx.context, "op", ""))  # fmt: skip
    method = me.type.get_method(name) if isinstance(me, Instance) and isinstance(name, str) else None
    declared = method.type if isinstance(method, (FuncDef, OverloadedFuncDef)) else None
    items = (
        declared.items if isinstance(declared, Overloaded) else [declared] if isinstance(declared, CallableType) else []
    )
    if isinstance(me, Instance) and items and not any(_fits(me, c) for c in items):
        ctx.api.fail(f"[{name}] does not take {me.args[1]}", ctx.context)
    return ctx.default_return_type


def _fits(me: Instance, declared: CallableType) -> bool:
    """Whether a receiver satisfies the bounds of the variables in the declared type of self."""
    wanted = get_proper_type(declared.arg_types[0]) if declared.arg_types else None
    if not isinstance(wanted, Instance) or len(wanted.args) != len(me.args):
        return True
    pairs = zip(wanted.args[1:3], me.args[1:3], strict=True)
    return all(not isinstance(w, TypeVarType) or is_subtype(a, w.upper_bound) for w, a in pairs)


# ----- modules


def _attached(t: Instance, name: str, what: Type) -> Instance:
    """An instance that remembers a type beside its arguments."""
    known = dict(t.extra_attrs.attrs) if t.extra_attrs else {}
    out = t.copy_modified()
    out.extra_attrs = ExtraAttrs({**known, name: get_proper_type(what)})
    return out


def _remembered(t: Type | None, name: str) -> Type | None:
    t = get_proper_type(t) if t is not None else None
    return t.extra_attrs.attrs.get(name) if isinstance(t, Instance) and t.extra_attrs else None


def module(ctx: FunctionContext) -> Type:
    """`nn.Linear(784, 333)`: literal arguments become type arguments; windows are remembered."""
    call = Call(ctx)
    t = get_proper_type(call.result)
    if not isinstance(t, Instance):
        return call.result
    args = list(t.args)
    for place, name in enumerate(_dim_names(t)):
        v = call.int_of(name)
        if v is not None and name in call.types:
            args[place] = call.literal(v)
    out = t.copy_modified(args=args)
    kind = t.type.name
    if kind == "MultiHeadAttention":
        model, heads = call.int_of("model"), call.int_of("heads")
        if model is not None and heads and model % heads and "k_dim" not in call.types:
            call.fail(f"[MultiHeadAttention] {heads} heads do not divide {model} features")
    if kind == "Sequential":
        return _attached(
            out,
            "_spec",
            TupleType([a[0] for a in ctx.arg_types if a], ctx.api.named_generic_type("builtins.tuple", [t])),
        )
    if "kernel" in call.types:
        settings = [call.pair(n, d) for n, d in (("kernel", 0), ("stride", 1), ("padding", 0), ("dilation", 1))]
        if all(v is not None for pair in settings for v in pair) and "output_padding" not in call.types:
            return _attached(out, "_window", call.shape([v for pair in settings for v in pair]))
    return out


def _dim_names(t: Instance) -> list[str]:
    """Names of the constructor's arguments whose values are the first type arguments."""
    method = t.type.get_method("__init__")
    declared = method.type if isinstance(method, OverloadedFuncDef) else None
    first = declared.items[0] if isinstance(declared, Overloaded) else None
    if first is None:
        return []
    by_variable = {
        a.name: n for a, n in zip(first.arg_types, first.arg_names, strict=True) if isinstance(a, TypeVarType)
    }
    me = get_proper_type(first.arg_types[0])
    names = [by_variable.get(a.name) for a in me.args if isinstance(a, TypeVarType)] if isinstance(me, Instance) else []
    return [n for n in names if n]


def build_module(ctx: MethodContext) -> Type:
    """The model remembers what it was built from."""
    call = Call(ctx)
    t, spec = get_proper_type(call.result), call.types.get("spec")
    if not isinstance(t, Instance) or spec is None:
        return call.result
    for name in ("_spec", "_window"):
        inner = _remembered(spec, name)
        if inner is not None:
            return _attached(t, name, inner)
    return _attached(t, "_spec", spec) if t.type.name == "Sequential" else t


def forward(ctx: MethodContext) -> Type:
    """A built module on a tensor: exact sizes, step by step."""
    call = Call(ctx)
    x = shape_of(call.first)
    if x is None or call.me is None:
        return call.result
    out = through(call.me, x, call)
    shape = shape_of(call.result)
    return call.with_shape(out) if out is not None and shape is not None and len(out) == len(shape) else call.result


def through(m: Type, x: list[Dim], call: Call) -> list[Dim] | None:
    """The shape that a module, or a tuple of them, makes of x; None where it is not known."""
    m = get_proper_type(m)
    spec = m if isinstance(m, TupleType) else _remembered(m, "_spec")
    if isinstance(spec, TupleType):
        now: list[Dim] | None = x
        for part in spec.items:
            now = through(part, now, call) if now is not None else None
        return now
    return step(m, x, call) if isinstance(m, Instance) else None


def step(m: Instance, x: list[Dim], call: Call) -> list[Dim] | None:
    """One module."""
    args, name = [value(a) for a in m.args], m.type.name
    if m.type.has_base(STD + "nn.Pointwise"):
        return x
    if name in ("Linear", "UnbiasedLinear") and x:
        if isinstance(x[-1], int) and args[0] is not None and x[-1] != args[0]:
            call.fail(f"[{name}({args[0]}, {args[1]})] takes {args[0]} features, and is given {x[-1]}")
            return None
        return [*x[:-1], args[1] if args[1] is not None else m.args[1]]
    if name in ("LayerNorm1D", "RMSNorm", "Bias1D", "BatchNorm1D", "BatchNorm2D", "Bias2D", "GroupNorm"):
        return x
    if name == "Flatten2D" and len(x) >= 3 and _known(x[-3:]):
        return [*x[:-3], prod(x[-3:])]
    window = dims_of(_remembered(m, "_window"))
    if window is None or len(x) < 3 or name == "Conv1D":
        return None
    sizes = []
    for i in (0, 1):
        kernel, stride, padding, dilation = (window[2 * k + i] for k in range(4))
        sizes.append(_window(x[-2 + i], kernel, stride, padding, dilation, name == "ConvTrans2D"))
    if any(s is None for s in sizes):
        return None
    channels = x[-3] if "Pool" in name else args[1] if args[1] is not None else m.args[1]
    return [*x[:-3], channels, *sizes]


_METHODS: dict[str, Hook] = {
    **dict.fromkeys((f"{c}.__call__" for c in ("FillZero", "FillUniform", "FillNormal", "FillValue", "FillTriangle")), fill),
    "Reshape.__call__": reshape, "Realize.__call__": realize, "Broadcast.__call__": broadcast,
    **dict.fromkeys(("Reduce.__call__", "ReduceVar.__call__", "ReduceStd.__call__", "ReduceNorm.__call__"), reduce),
    **dict.fromkeys(("Device.tensor", "Cpu.tensor", "Cuda.tensor", "OpenCL.tensor"), tensor),
    **dict.fromkeys(("Device.build_module", "Cpu.build_module", "Cuda.build_module", "OpenCL.build_module"), build_module),
    "Tensor.flatten": flatten, "Tensor.concat_along": concat, "Tensor.conv1d": conv(1), "Tensor.conv2d": conv(2),
    "Tensor.convtrans2d": conv(2, True), "Tensor.pool2d": pool(2), "Tensor.pool1d": pool(1),
}  # fmt: skip
_FUNCTIONS: dict[str, Hook] = {
    "concat": concat, "concat_along": concat, "conv1d": conv(1), "conv2d": conv(2), "convtrans2d": conv(2, True),
    "pool2d": pool(2), "pool1d": pool(1),
}  # fmt: skip


class DfdxPlugin(Plugin):
    """The hooks by name."""

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        if fullname.startswith(STD + "nn."):
            return module
        return _FUNCTIONS.get(fullname.removeprefix(STD)) if fullname.startswith(STD) else None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        if not fullname.startswith(STD):
            return None
        name = fullname.removeprefix(STD)
        if name.startswith("nn.") and name.rpartition(".")[2] in ("forward", "forward_mut", "__call__"):
            return forward
        return _METHODS.get(name) or (takes if name.startswith("Tensor.") else None)


def plugin(version: str) -> type[Plugin]:
    """What mypy asks for."""
    return DfdxPlugin
