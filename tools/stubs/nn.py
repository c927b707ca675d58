"""`dfdx.nn` in both views: every module class with its rule, and tuples of modules as chains.

Standard view: a module states, without tensors, what goes in and comes out (`Features[10]` to `Features[32]`), in a phantom
method `_map`; a tuple chains by ordinary solving of variables when the model is built. One phantom per place in the tuple,
because mypy gives one variable to two uses of a class in one call. Pyrefly's view chains real tensors through `_fwd`.
"""

from __future__ import annotations

import inspect
import re
from itertools import product

from .modules import RULES, Rule
from .plain import members, plain_method
from .text import View

__all__ = ["OUTER", "build_methods", "module_classes", "places", "unruled"]

INPUT = "input: Sequence[int | None] | None = ..."  # not Any: pyright then tries every overload, six times as long
OUTER, NESTED, INNER = 8, 5, 4  # longest chain of modules; of tuples of modules; longest tuple inside one
LENGTHS = (3, 2, 4, 5, 6, 7, 8, 1)
SPECIAL = ("Module", "Pointwise", "Sequential", "Residual", "ResidualMul", "GeneralizedResidual", "GeneralizedMul", "Repeated",
           "SplitInto", "AddInto", "Upscale2D", "Upscale2DBy", "Param", "Composite")  # fmt: skip
GENERIC = ("GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell", "Reshape", "Transformer", "TransformerDecoder",
           "TransformerDecoderBlock")  # fmt: skip
_KNOWN = {"Any", "int", "str", "float", "tuple", "None"}
_INT_NAMES = {"int": "int", "float": "float", "bool": "builtins.bool", "str": "str", "int | None": "int | None"}


def places() -> list[str]:
    """Where a module can stand: `0` .. `7`, and `00` .. `73` in a tuple inside the tuple."""
    return [str(i) for i in range(OUTER)] + [f"{i}{j}" for i in range(NESTED) for j in range(INNER)]


def unruled(classes: dict[str, type]) -> list[str]:
    """Module classes that get a generic stub only."""
    known = {*RULES, *SPECIAL, *GENERIC}
    return sorted(n for n, c in classes.items() if n not in known and c.__name__ not in known)


def _phantoms(params: str, returns: str) -> str:
    return "".join(f"    def _map{p}(self, x: {params.format(p)}, /) -> {returns.format(p)}: ...\n" for p in places())


def chain_vars() -> str:
    """Variables of the phantoms and protocols of the standard view."""
    out = [
        f'_P{p} = TypeVar("_P{p}")\n_I{p} = TypeVar("_I{p}", bound=int)\n_C{p} = TypeVar("_C{p}", bound=Channels[Any])\n'
        for p in places()
    ]
    out += [f'_X{i} = TypeVar("_X{i}", default=_OtherDomain)\n' for i in range(OUTER + 1)]
    out += [f'_A{i}{j} = TypeVar("_A{i}{j}", default=_OtherDomain)\n' for i in range(NESTED) for j in range(INNER - 1)]
    out.append("class _Starts(Protocol[_In, _Out]):\n    def _starts(self, x: _In, /) -> _Out: ...\n")
    for p in places():
        out.append(f"class _Map{p}(Protocol[_In, _Out]):\n    def _map{p}(self, x: _In, /) -> _Out: ...\n")
    for i in range(NESTED):
        arms = [f"_Map{i}[_X, _Y]", f"tuple[_Map{i}0[_X, _Y]]"]
        for n in range(2, INNER + 1):
            mids = ["_X", *[f"_V{j}" for j in range(n - 1)], "_Y"]
            arms.append("tuple[" + ", ".join(f"_Map{i}{j}[{mids[j]}, {mids[j + 1]}]" for j in range(n)) + "]")
        out.append(f"_El{i}: TypeAlias = {' | '.join(arms)}\n")
    deep = [f"tuple[{'Any, ' * i}_DeepInner, *tuple[Any, ...]]" for i in range(NESTED)]
    deep += [
        f"tuple[{'Any, ' * NESTED}{'Any, ' * i}tuple[Any, ...] | list[Any], *tuple[Any, ...]]"
        for i in range(OUTER - NESTED)
    ]
    deep += [f"tuple[{'Any, ' * i}tuple[Any, ...], {'Any, ' * (NESTED - i)}*tuple[Any, ...]]" for i in range(NESTED)]
    long_ = f"tuple[{', '.join(['Any'] * (OUTER + 1))}, *tuple[Any, ...]]"
    out.append("# what the tables do not reach: longer tuples, deeper ones, lists\n")
    out.append("_Deep: TypeAlias = list[Any] | tuple[()] | " + " | ".join([long_, *deep]) + "\n")
    return "".join(out)


def _deep_inner() -> list[str]:
    nested = [f"tuple[{'Any, ' * j}tuple[Any, ...], *tuple[Any, ...]]" for j in range(INNER)]
    return [*nested, "list[Any]", "tuple[()]", f"tuple[{', '.join(['Any'] * (INNER + 1))}, *tuple[Any, ...]]"]


def chain(n: int, first: int = 0) -> str:
    """The items of a tuple of n modules from place `first` on."""
    ends = _ends(n)
    places = [f"_Map{i + first}" if i + first else "_Starts" for i in range(n)]
    return ", ".join(f"{p}[{ends[i]}, {ends[i + 1]}]" for i, p in enumerate(places))


def _ends(n: int) -> list[str]:
    """What goes in and out of each of n modules in a row."""
    return [*[f"_X{i}" for i in range(n)], f"_X{OUTER}"]


def elements(n: int) -> str:
    """The items of a tuple of n modules or tuples of modules."""
    each, ends = [], _ends(n)
    for i in range(n):
        inner = ", ".join(f"_A{i}{j}" for j in range(INNER - 1))
        each.append(f"_El{i}[{ends[i]}, {ends[i + 1]}, {inner}]")
    return ", ".join(each)


def build_methods(view: View) -> str:
    """`Device.build_module`."""
    out = []
    for dtype in (False, True):
        e = "E2" if dtype else "f32"
        more = f"dtype: type[E2], {INPUT}" if dtype else f"*, {INPUT}"

        def add(spec: str, returns: str, more: str = more) -> None:
            out.append(view.function("build_module", f"self, spec: {spec}, {more}", returns, (), True, 4))

        if not view.std:
            variables = "E2: DType, " if dtype else ""
            for v, spec, ret in (
                ("R", f"_Buildable[_At[{e}, Self], R]", "R"),
                ("*Ms", "tuple[*Ms]", f"Sequential[tuple[*Ms], {e}, Self]"),
                ("", "list[Any]", f"Sequential[Any, {e}, Self]"),
            ):
                names = f"[{variables}{v}]".replace(", ]", "]") if variables or v else ""
                out.append(f"    @overload\n    def build_module{names}(self, spec: {spec}, {more}) -> {ret}: ...\n")
            continue
        # first: a module then costs pyright one overload, a tuple one look at its items
        add(f"_Buildable[_At[{e}, Self], _R]", "_R")
        add(" | ".join(f"tuple[{chain(n)}]" for n in LENGTHS), f"Sequential[_X0, _X{OUTER}, {e}, Self]")
        add("tuple[_Keeps, *tuple[_Keeps, ...]]", f"Sequential[Any, Any, {e}, Self]")
        kept = (f"tuple[_Keeps, {chain(n - 1, 1)}]" for n in LENGTHS if n > 1)
        add(" | ".join(kept), f"Sequential[_X0, _X{OUTER}, {e}, Self]")
        add(
            " | ".join(f"tuple[{elements(n)}]" for n in LENGTHS if n <= NESTED),
            f"Sequential[_X0, _X{OUTER}, {e}, Self]",
        )
        add("_Deep", f"Sequential[Any, Any, {e}, Self]")
    return "".join(out)


# ----- one class


def _doc(cls: type) -> str:
    line = (cls.__doc__ or "").strip().splitlines()
    return f'    """{line[0]}"""\n\n' if line else ""


def _plain(p: inspect.Parameter) -> str:
    return _INT_NAMES.get(str(p.annotation), "Any")


def _parameters(cls: type) -> list[inspect.Parameter]:
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return []
    return [p for p in list(inspect.signature(cls.__init__).parameters.values())[1:] if p.kind is not p.VAR_KEYWORD]  # type: ignore[misc]


def _given(params: list[inspect.Parameter], types: dict[str, str], defaults: dict[str, str] = {}) -> str:  # noqa: B006
    out = ["self"]
    for p in params:
        star = "*" if p.kind is p.VAR_POSITIONAL else ""
        default = "" if p.default is p.empty or star else f" = {defaults.get(p.name, '...')}"
        out.append(f"{star}{p.name}: {types.get(p.name, _plain(p))}{default}")
    return ", ".join(out)


def _inits(view: View, name: str, cls: type, rule: Rule, variables: list[str]) -> str:
    params = _parameters(cls)
    if not params and not rule.dims:
        return "    def __init__(self) -> None: ...\n"
    pad = ", ".join(["Any", "Any"])
    if view.std:
        dims = list(rule.dims)
        if not dims:
            return f"    def __init__({_given(params, {})}) -> None: ...\n"
        out = []
        for mix in product("LN", repeat=len(dims)):
            names = {d: f"{k}{i}" for i, (d, k) in enumerate(zip(dims, mix))}
            me = f"self: {name}[{', '.join(names.values())}, {pad}]"
            out.append(
                f"    @overload\n    def __init__({_given(params, names).replace('self', me, 1)}) -> None: ...\n"
            )
        return "".join(out)
    types = {a: f"Int[{v}]" for a, v in rule.dims.items()}
    exact = {**types, **{a: f"Int[{v.partition('=')[0]}]" for a, v in rule.pf.items()}}
    defaults = {a: v.partition("=")[2] for a, v in rule.pf.items() if "=" in v}
    first = f"    def __init__({_given(params, exact, defaults)}) -> None: ...\n"
    if not rule.pf:
        return first
    args = [v for v in rule.dims.values()] + ["Any"] * len(rule.pf)
    me = f"self: {name}[{', '.join([*args, 'Any', 'Any'])}]"
    loose = f"    def __init__({_given(params, types).replace('self', me, 1)}) -> None: ...\n"
    return f"    @overload\n{first}    @overload\n{loose}"


def _first(cls: type) -> str:
    """The name of what `forward` takes."""
    p = list(inspect.signature(cls.forward).parameters.values())[1]  # type: ignore[attr-defined]
    return "x" if p.kind is p.VAR_POSITIONAL else p.name


def _calls(view: View, rule: Rule, bound: tuple[str, ...], first: str) -> str:
    rows = rule.rows if view.std or not rule.pf_rows else rule.pf_rows
    out = []
    for method in ("forward", "forward_mut", "__call__"):
        t = {"forward": "NoTape", "forward_mut": "OwnedTape"}.get(method, "T2") if rule.training else "T2"
        for a, b in rows:
            ins = a.split(", ")
            e = "EI" if rule.ids else "ME"
            if len(ins) == 1:
                given, ret_t = f"{first}: {view.tensor(a, e, 'MD', t)}", t
            else:
                given = ", ".join(f"x{i}: {view.tensor(x, e, 'MD', f'T{i}')}" for i, x in enumerate(ins))
                ret_t = " | ".join(f"T{i}" for i in range(len(ins)))
            given += (
                ", *, mask: Any = ..."
                if len(rows) > 1 and ", " in rows[-1][0]
                else ", /"
                if method == "__call__"
                else ""
            )
            text = view.function(method, f"self, {given}", view.tensor(b, "ME", "MD", ret_t), bound, len(rows) > 1, 4)
            ignore = "  # type: ignore[override]" if method == "__call__" else ""
            out.append(text.rstrip("\n") + ignore + "\n" if method == "__call__" and len(rows) == 1 else text)
    if len(rows) > 1:
        mark = out[-len(rows)]
        out[-len(rows)] = mark.replace("    @overload\n", "    @overload  # type: ignore[override]\n", 1)
    if not view.std:
        rows = tuple(r for r in rows if ", " not in r[0])
        for a, b in rows:
            e = "EI" if rule.ids else "EF"
            x = view.tensor(a, e, "D", "T2")
            out.append(
                view.function(
                    "_fwd",
                    f"self, x: {x}, /",
                    view.tensor(_gradual(b), "ME" if rule.ids else e, "D", "T2"),
                    bound,
                    len(rows) > 1,
                    4,
                )
            )
    return "".join(out)


def _gradual(dims: str) -> str:
    """Pyrefly meets the model before its input, so a product of sizes is unknown in a chain."""
    return re.sub(r"\bC\*H\*W\b", "Any", dims)


def _class(view: View, name: str, cls: type, rule: Rule) -> str:
    variables = list(dict.fromkeys(rule.dims.values()))
    moved = ", ".join(
        [*variables, *([v.partition("=")[0] for v in rule.pf.values()] if not view.std else []), "{0}", "{1}"]
    )
    if view.std:
        base = {"same": "Pointwise", "channels": "_PerChannel", "pooled": "_Pooled", "any": "Module[Any, Any]"}.get(
            rule.domain
        )
        if base is None:
            a, _, b = rule.domain.partition(" -> ")
            base = f"Module[{a}, {b}]"
        if name == "GroupNorm" or rule.domain == "any":
            base = "Module[Any, Any]"
        head = f"class {name}({base}, Generic[{', '.join([*variables, 'ME', 'MD'])}]):\n"
    else:
        base = "Pointwise" if rule.domain == "same" else "Module"
        given = [f"{v}: IntVar" for v in variables]
        given += [
            f"{v.partition('=')[0]}: IntVar" + (f" = {v.partition('=')[2]}" if "=" in v else "")
            for v in rule.pf.values()
        ]
        head = f"class {name}[{', '.join([*given, 'ME: DType = Any', 'MD: Device = Any'])}]({base}):\n"
    bound = (*variables, *[v.partition("=")[0] for v in rule.pf.values()], "ME", "MD")
    ignore = "  # type: ignore[override]"
    out = [head, _doc(cls), _inits(view, name, cls, rule, variables)]
    out.append(
        view.function(
            "_built", "self, at: _At[E2, D2], /", f"{name}[{moved.format('E2', 'D2')}]", bound, False, 4, suffix=ignore
        )
    )
    out.append(
        view.function("to_device", "self, target: D2", f"{name}[{moved.format('ME', 'D2')}]", bound, True, 4).replace(
            "@overload", "@overload" + ignore
        )
    )
    out.append(view.function("to_device", "self, target: str", f"{name}[{moved.format('ME', 'Any')}]", bound, True, 4))
    out.append(
        view.function(
            "to_dtype", "self, dtype: type[E2]", f"{name}[{moved.format('E2', 'MD')}]", bound, False, 4, suffix=ignore
        )
    )
    for attribute, dims in rule.tensors.items():
        out.append(f"    @property\n    def {attribute}(self) -> {view.tensor(dims, 'ME', 'MD', 'NoTape')}: ...\n")
    text = "".join([*out, _calls(view, rule, bound, _first(cls))])
    return text + members(cls, _KNOWN, text) + "\n"


def _generic_class(view: View, name: str, cls: type) -> str:
    head = f"class {name}(Module[Any, Any]):\n" if view.std else f"class {name}(Module):\n"
    init = f"    def __init__({_given(_parameters(cls), {})}) -> None: ...\n"
    extra = "" if view.std else "    def _fwd(self, x: Any, /) -> Any: ...\n"
    call = plain_method("forward", cls.forward)  # type: ignore[attr-defined]
    calls = call + call.replace("def forward(", "def __call__(").rstrip("\n") + "  # type: ignore[override]\n"
    text = head + _doc(cls) + init + calls + extra
    return text + members(cls, _KNOWN, text) + "\n"


def module_classes(view: View, classes: dict[str, type]) -> str:
    """All module classes but the special ones; an alias is an assignment."""
    out, seen = [], {}
    for name, cls in sorted(classes.items(), key=lambda kv: (kv[1].__name__ != kv[0], kv[0])):
        if name in SPECIAL:
            continue
        if cls in seen:
            out.append(f"{name} = {seen[cls]}\n")
            continue
        if cls.__name__ in SPECIAL:
            out.append(f"{name} = {cls.__name__}\n")
            continue
        seen[cls] = name
        rule = RULES.get(name)
        out.append(_class(view, name, cls, rule) if rule is not None else _generic_class(view, name, cls))
    return "\n".join(out)
