"""Modules made of modules, bases for users' own, and upscaling: classes whose types a rule does not describe."""

from __future__ import annotations

from .nn import INNER, NESTED, OUTER, _phantoms
from .text import View

__all__ = ["special_classes"]

IGNORE = "  # type: ignore[override]"
METHODS = ("forward", "forward_mut", "__call__")


def _place(i: int, a: str, b: str) -> str:
    """A module as item i of a chain."""
    return f"_Map{i}[{a}, {b}]"


def _element(i: int, a: str, b: str) -> str:
    """A module, or a tuple of modules where the tables reach, as item i of a chain."""
    if i >= NESTED:
        return _place(i, a, b)
    inner = ", ".join(f"_A{i}{j}" for j in range(INNER - 1))
    return f"_El{i}[{a}, {b}, {inner}]"


def _moves(view: View, name: str, own: str) -> str:
    """`_built`, `to_device`, `to_dtype` of a class whose last two variables are dtype and device."""
    out = []
    for method, params, e, d in (
        ("_built", "self, at: _At[E2, D2], /", "E2", "D2"),
        ("to_device", "self, target: D2", "ME", "D2"),
        ("to_dtype", "self, dtype: type[E2]", "E2", "MD"),
    ):
        many = method == "to_device"
        text = view.function(
            method, params, f"{name}[{own}, {e}, {d}]", ("ME", "MD"), many, 4, suffix="" if many else IGNORE
        )
        out.append(text.replace("@overload", f"@overload{IGNORE}"))
        if many:
            out.append(view.function(method, "self, target: str", f"{name}[{own}, ME, Any]", ("ME", "MD"), True, 4))
    return "".join(out)


def _overloads(view: View, rows: list[tuple[str, str]], bound: tuple[str, ...] = ("ME", "MD")) -> str:
    """forward, forward_mut and __call__ of the same rows (parameters, result)."""
    out = []
    for method in METHODS:
        for i, (params, returns) in enumerate(rows):
            text = view.function(method, params, returns, bound, True, 4)
            out.append(text.replace("@overload\n", f"@overload{IGNORE}\n", 1) if i == 0 else text)
    return "".join(out)


def _mapped(view: View, name: str) -> list[tuple[str, str]]:
    """Calls of a module known by its domains: features or channels in and out."""
    image = "*B I H W"
    rows = []
    for a, b, x, y in (
        ("Features[I]", "Features[O]", "*B I", "*B O"),
        ("Channels[I]", "Features[O]", image, "*B O"),
        ("Channels[I]", "Channels[O]", image, "*B O Any Any"),
        ("Ids", "Features[O]", "*B", "*B O"),
    ):
        e = "EI" if a == "Ids" else "ME"
        x_type = view.tensor(x, e, "MD", "T2")
        rows.append((f"self: {name}[{a}, {b}, ME, MD], x: {x_type}", view.tensor(y, "ME", "MD", "T2")))
    rows.append((f"self: {name}[_Other, _Y, ME, MD], *inputs: Any, **named: Any", "Any"))
    return rows


def special_classes(view: View) -> str:
    """The text of all of them."""
    return _standard(view) if view.std else _pyrefly(view)


def _standard(view: View) -> str:
    out = [
        "class _Keeps(Module[Any, Any]):\n",
        '    """What gives such a thing as it is given."""\n\n    _starts: None  # type: ignore[assignment]\n',
        "\nclass Pointwise(_Keeps):\n",
        '    """A module that keeps shapes."""\n\n',
        _phantoms("_P{0}", "_P{0}"),
    ]
    out += [
        "\nclass _PerChannel(_Keeps):\n",
        '    """A module that keeps the batch and the channels of images."""\n\n',
        _phantoms("_C{0}", "_C{0}"),
        "\nclass _Pooled(Module[Any, Any]):\n",
        '    """A module that makes features of the channels of images."""\n\n',
        _phantoms("Channels[_I{0}]", "Features[_I{0}]"),
    ]
    out.append(
        '\nclass Composite(Module[MX, MY]):\n    """A module that calls others: subclasses write `flow(call, *inputs)`."""\n\n    def flow(self, call: Any, *inputs: Any, **named: Any) -> Any: ...\n'
    )
    out.append("\nclass Sequential(Module[MX, MY], Generic[MX, MY, ME, MD]):\n")
    out.append('    """The output of each module is the input of the next. A tuple of modules means this."""\n\n')
    out.append("    @overload\n    def __init__(self: Sequential[Any, Any, Any, Any]) -> None: ...\n")
    for n in range(1, OUTER + 1):
        for each in (_place, _element):  # modules first: pyright pays for the unions of tuples
            given = ", ".join(f"m{i}: {each(i, f'_X{i}', f'_X{i + 1}')}" for i in range(n))
            out.append(
                f"    @overload\n    def __init__(self: Sequential[_X0, _X{n}, Any, Any], {given}, /) -> None: ...\n"
            )
    many = ", ".join(f"m{i}: Any" for i in range(OUTER + 1))
    out.append(
        f"    @overload\n    def __init__(self: Sequential[Any, Any, Any, Any], {many}, /, *more: Any) -> None: ...\n"
    )
    out.append(_moves(view, "Sequential", "MX, MY"))
    out.append(_overloads(view, _mapped(view, "Sequential")))
    out.append(_ITEMS)
    out.append(_repeating(view, "Residual", "f", "f(x) + x."))
    out.append(_repeating(view, "ResidualMul", "f", "f(x) x, elementwise."))
    out.append(
        _repeating(view, "Repeated", "module", "A module several times, each with its own parameters.", ", n: int")
        + _ITEMS
    )
    for name, doc in (("GeneralizedResidual", "f(x) + r(x)."), ("GeneralizedMul", "f(x) r(x), elementwise.")):
        out.append(f'\nclass {name}(Module[MX, MY], Generic[MX, MY, ME, MD]):\n    """{doc}"""\n\n')
        out.append("    f: Any\n    r: Any\n")
        for a, b in (("_Keeps", "_Keeps"), (_element(0, "_X0", "_X1"), _element(1, "_X0", "_X1"))):
            own = "Any, Any" if a == "_Keeps" else "_X0, _X1"
            out.append(f"    @overload\n    def __init__(self: {name}[{own}, Any, Any], f: {a}, r: {b}) -> None: ...\n")
        for a, b in (("_Keeps", _element(1, "_X0", "_X0")), (_element(0, "_X0", "_X0"), "_Keeps")):
            out.append(
                f"    @overload\n    def __init__(self: {name}[_X0, _X0, Any, Any], f: {a}, r: {b}) -> None: ...\n"
            )
        out.append(
            f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], f: _DeepInner, r: Any) -> None: ...\n"
        )
        out.append(
            f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], f: Any, r: _DeepInner) -> None: ...\n"
        )
        out.append(_moves(view, name, "MX, MY") + _overloads(view, _mapped(view, name)))
    out.append(_split(view) + _add_into(view) + _upscale(view))
    return "".join(out)


_ITEMS = """    def __getitem__(self, i: int) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
"""


def _repeating(view: View, name: str, argument: str, doc: str, more: str = "") -> str:
    """A module of one module whose output is like its input."""
    out = [f'\nclass {name}(Module[MX, MX], Generic[MX, ME, MD]):\n    """{doc}"""\n\n']
    if argument == "f":
        out.append("    @property\n    def inner(self) -> Any: ...\n")
    for given, own in (("_Keeps", "Any"), (_element(0, "_X0", "_X0"), "_X0"), ("_DeepInner", "Any")):
        out.append(
            f"    @overload\n    def __init__(self: {name}[{own}, Any, Any], {argument}: {given}{more}) -> None: ...\n"
        )
    out.append(_moves(view, name, "MX"))
    rows = [
        (f"self: {name}[{a}, ME, MD], x: {view.tensor(x, 'ME', 'MD', 'T2')}", view.tensor(x, "ME", "MD", "T2"))
        for a, x in (("Features[I]", "*B I"), ("Channels[I]", "*B I H W"))
    ]
    rows.append((f"self: {name}[_Other, ME, MD], *inputs: Any, **named: Any", "Any"))
    return "".join([*out, _overloads(view, rows)])


def _split(view: View) -> str:
    name = "SplitInto"
    out = [
        f'\nclass {name}(Module[MX, Any], Generic[MX, MY, ME, MD]):\n    """The same input to each module; the outputs as a tuple."""\n\n'
    ]
    for n in range(1, 7):
        given = ", ".join(f"m{i}: {_element(i, '_X0', f'_X{i + 1}')}" for i in range(n))
        outs = ", ".join(f"_X{i + 1}" for i in range(n))
        out.append(
            f"    @overload\n    def __init__(self: {name}[_X0, tuple[{outs}], Any, Any], {given}, /) -> None: ...\n"
        )
    out.append(
        f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], modules: list[Any] | tuple[Any, ...], /) -> None: ...\n"
    )
    out.append(
        f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], {', '.join(f'm{i}: Any' for i in range(7))}, /, *more: Any) -> None: ...\n"
    )
    out.append("    @property\n    def heads(self) -> list[Any]: ...\n")
    rows = []
    for n in (1, 2, 3, 4):
        ys = ", ".join(f"Features[M{i}]" for i in range(n))
        results = ", ".join(view.tensor(f"*B M{i}", "ME", "MD", "T2") for i in range(n))
        x = view.tensor("*B I", "ME", "MD", "T2")
        rows.append((f"self: {name}[Features[I], tuple[{ys}], ME, MD], x: {x}", f"tuple[{results}]"))
    for a, x in (("Features[I]", "*B I"), ("Channels[I]", "*B I H W")):
        rows.append((f"self: {name}[{a}, _Y, ME, MD], x: {view.tensor(x, 'ME', 'MD', 'T2')}", "Any"))
    rows.append((f"self: {name}[_Other, _Y, ME, MD], *inputs: Any, **named: Any", "Any"))
    return "".join([*out, _moves(view, name, "MX, MY"), _overloads(view, rows)])


def _add_into(view: View) -> str:
    name = "AddInto"
    out = [
        f'\nclass {name}(Module[Any, MY], Generic[MX, MY, ME, MD]):\n    """One input for each module; the sum of the outputs."""\n\n'
    ]
    for n in range(1, 7):
        given = ", ".join(f"m{i}: {_element(i, f'_X{i}', '_X8')}" for i in range(n))
        ins = ", ".join(f"_X{i}" for i in range(n))
        out.append(
            f"    @overload\n    def __init__(self: {name}[tuple[{ins}], _X8, Any, Any], {given}, /) -> None: ...\n"
        )
    out.append(
        f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], modules: list[Any] | tuple[Any, ...], /) -> None: ...\n"
    )
    out.append(
        f"    @overload\n    def __init__(self: {name}[Any, Any, Any, Any], {', '.join(f'm{i}: Any' for i in range(7))}, /, *more: Any) -> None: ...\n"
    )
    out.append("    @property\n    def heads(self) -> list[Any]: ...\n")
    rows = []
    for n in (2, 3):
        xs = ", ".join(f"Features[M{i}]" for i in range(n))
        types = [view.tensor(f"*B M{i}", "ME", "MD", f"T{i}") for i in range(n)]
        result = view.tensor("*B O", "ME", "MD", " | ".join(f"T{i}" for i in range(n)))
        me = f"self: {name}[tuple[{xs}], Features[O], ME, MD]"
        rows.append((f"{me}, {', '.join(f'x{i}: {t}' for i, t in enumerate(types))}, /", result))
        rows.append((f"{me}, inputs: tuple[{', '.join(types)}], /", result))
    other = view.tensor("Any", "ME", "MD", "Any")
    for n in range(1, 7):
        xs = ", ".join(f"Channels[M{i}]" if i < 6 else "Any" for i in range(n))
        me = f"self: {name}[tuple[{xs}], _Y, ME, MD]"
        rows.append((f"{me}, {', '.join(f'x{i}: {other}' for i in range(n))}, /", "Any"))
    return "".join([*out, _moves(view, name, "MX, MY"), _overloads(view, rows)])


def _upscale(view: View) -> str:
    out = []
    method = 'method: Literal["nearest", "bilinear"] = ...'
    for name, doc in (
        ("Upscale2D", "Images at a larger size."),
        ("Upscale2DBy", "Images made `height` times as high and `width` times as wide."),
    ):
        exact = name == "Upscale2D"
        if view.std:
            out.append(f'\nclass {name}(_PerChannel, Generic[M0, M1, ME, MD]):\n    """{doc}"""\n\n')
            for kind in "LN":
                a, b = f"{kind}0", f"{kind}1"
                out.append(
                    f"    @overload\n    def __init__(self: {name}[{a}, {b}, Any, Any], height: {a}, width: {b}, {method}) -> None: ...\n"
                )
                out.append(
                    f"    @overload\n    def __init__(self: {name}[{a}, {a}, Any, Any], height: {a}, width: None = ..., {method}) -> None: ...\n"
                )
            result = "*B C M0 M1" if exact else "*B C Any Any"
        else:
            out.append(
                f'\nclass {name}[M0: IntVar, M1: IntVar, ME: DType = Any, MD: Device = Any](Module):\n    """{doc}"""\n\n'
            )
            out.append(
                f"    @overload\n    def __init__(self, height: Int[M0], width: Int[M1], {method}) -> None: ...\n"
            )
            out.append(
                f"    @overload\n    def __init__(self: {name}[M0, M0, Any, Any], height: Int[M0], width: None = None, {method}) -> None: ...\n"
            )
            result = "*B C M0 M1" if exact else "*B C H*M0 W*M1"
        out.append("    def size(self, x: Any) -> tuple[int, int]: ...\n" + _moves(view, name, "M0, M1"))
        for m in METHODS:
            x, y = view.tensor("*B C H W", "ME", "MD", "T2"), view.tensor(result, "ME", "MD", "T2")
            out.append(
                view.function(
                    m, f"self, x: {x}", y, ("M0", "M1", "ME", "MD"), False, 4, suffix=IGNORE if m == "__call__" else ""
                )
            )
        if not view.std:
            out.append(
                view.function(
                    "_fwd",
                    f"self, x: {view.tensor('*B C H W', 'EF', 'D', 'T2')}, /",
                    view.tensor(result, "EF", "D", "T2"),
                    ("M0", "M1"),
                    False,
                    4,
                )
            )
    return "".join(out)


# ----- pyrefly's view: chains over real tensors


def _pf_el(a: str, b: str, i: int) -> str:
    return f"_El[{a}, {b}, V{3 * i}, V{3 * i + 1}, V{3 * i + 2}]"


def _pf_method(
    name: str, variables: list[str], params: str, returns: str, many: bool = True, ignore: bool = False
) -> str:
    names = f"[{', '.join(variables)}]" if variables else ""
    return (
        "    @overload\n" if many else ""
    ) + f"    def {name}{names}({params}) -> {returns}: ...{IGNORE if ignore else ''}\n"


def _pf_calls(owner: str, make) -> str:  # type: ignore[no-untyped-def]
    """forward, forward_mut, __call__ with the model's own dtype and device, `_fwd` with any."""
    out = []
    for method in (*METHODS, "_fwd"):
        chained = method == "_fwd"
        e, d = ("EF", "D") if chained else ("ME", "MD")
        given = ["EF: _Float", "D: Device"] if chained else []
        for variables, params, returns in make(e, d, "Any, Any" if chained else "ME, MD"):
            out.append(_pf_method(method, [*given, *variables], params, returns))
    return "".join(out)


def _head(name: str, own: str, doc: str) -> str:
    held = "".join(f"    @property\n    def _{v.lower()}(self) -> {v}: ...\n" for v in own.split(", "))
    both = "    def _invariant(self, e: ME, d: MD, /) -> tuple[ME, MD]: ...\n"
    return f'\nclass {name}[{own}, ME: DType = Any, MD: Device = Any](Module):\n    """{doc}"""\n\n{held}{both}'


def _pyrefly(view: View) -> str:
    x = lambda e, d: f"Tensor[S, {e}, {d}, T2]"  # noqa: E731
    shapes = ["S: IntTuple", "T2: TapeState"]

    def chain(name: str):  # type: ignore[no-untyped-def]
        def make(e: str, d: str, own: str):  # type: ignore[no-untyped-def]
            for ids in (False, True):
                first = f"Tensor[S, {'EI' if ids else e}, {d}, T2]"
                for n in range(1, OUTER + 1):
                    mids = [first, *[f"X{i}" for i in range(1, n)], "Y"]
                    each = ", ".join(_pf_el(mids[i], mids[i + 1], i) for i in range(n))
                    variables = [
                        *shapes,
                        *(["EI: _Int"] if ids else []),
                        "Y",
                        *[f"X{i}" for i in range(1, n)],
                        *[f"V{i}" for i in range(3 * n)],
                    ]
                    yield variables, f"self: {name}[tuple[{each}], {own}], x: {first}, /", "Y"
            long_ = ", ".join(["Any"] * (OUTER + 1))
            yield [], f"self: {name}[tuple[{long_}, *tuple[Any, ...]], {own}], *inputs: Any, **named: Any", "Any"

        return make

    out = ['class Pointwise(Module):\n    """A module that keeps shapes."""\n\n']
    out.append(
        view.function(
            "_fwd",
            f"self, x: {view.tensor('S', 'EF', 'D', 'T2')}, /",
            view.tensor("S", "EF", "D", "T2"),
            (),
            False,
            4,
            suffix=IGNORE,
        )
    )
    out.append(
        '\nclass Composite(Module):\n    """A module that calls others: subclasses write `flow(call, *inputs)`."""\n\n    def flow(self, call: Any, *inputs: Any, **named: Any) -> Any: ...\n'
    )
    out.append(_head("Sequential", "Ms", "The output of each module is the input of the next."))
    out.append("    def __init__[*Us](self: Sequential[tuple[*Us], Any, Any], *modules: *Us) -> None: ...\n")
    out.append(_moves(view, "Sequential", "Ms") + _pf_calls("Sequential", chain("Sequential")) + _ITEMS)

    def same(name: str):  # type: ignore[no-untyped-def]
        def make(e: str, d: str, own: str):  # type: ignore[no-untyped-def]
            yield (
                [*shapes, "V0", "V1", "V2"],
                f"self: {name}[{_pf_el(x(e, d), x(e, d), 0)}, {own}], x: {x(e, d)}, /",
                x(e, d),
            )
            yield [], f"self: {name}[list[Any], {own}], *inputs: Any, **named: Any", "Any"

        return make

    for name, argument, doc, more in (
        ("Residual", "f", "f(x) + x.", ""), ("ResidualMul", "f", "f(x) x, elementwise.", ""),
        ("Repeated", "module", "A module several times, each with its own parameters.", ", n: int"),
    ):  # fmt: skip
        out.append(_head(name, "F", doc) + f"    def __init__(self, {argument}: F{more}) -> None: ...\n")
        out.append("    @property\n    def inner(self) -> Any: ...\n" if argument == "f" else _ITEMS)
        out.append(_moves(view, name, "F") + _pf_calls(name, same(name)))

    def two(name: str):  # type: ignore[no-untyped-def]
        def make(e: str, d: str, own: str):  # type: ignore[no-untyped-def]
            variables = [*shapes, "Y", *[f"V{i}" for i in range(6)]]
            yield (
                variables,
                f"self: {name}[{_pf_el(x(e, d), 'Y', 0)}, {_pf_el(x(e, d), 'Y', 1)}, {own}], x: {x(e, d)}, /",
                "Y",
            )
            yield [], f"self: {name}[list[Any], list[Any], {own}], *inputs: Any, **named: Any", "Any"

        return make

    for name, doc in (("GeneralizedResidual", "f(x) + r(x)."), ("GeneralizedMul", "f(x) r(x), elementwise.")):
        out.append(
            _head(name, "F, G", doc) + "    f: Any\n    r: Any\n    def __init__(self, f: F, r: G) -> None: ...\n"
        )
        out.append(_moves(view, name, "F, G") + _pf_calls(name, two(name)))

    def split(e: str, d: str, own: str):  # type: ignore[no-untyped-def]
        for n in range(1, 7):
            each = ", ".join(_pf_el(x(e, d), f"Y{i}", i) for i in range(n))
            variables = [*shapes, *[f"Y{i}" for i in range(n)], *[f"V{i}" for i in range(3 * n)]]
            yield (
                variables,
                f"self: SplitInto[tuple[{each}], {own}], x: {x(e, d)}, /",
                f"tuple[{', '.join(f'Y{i}' for i in range(n))}]",
            )

    def add(e: str, d: str, own: str):  # type: ignore[no-untyped-def]
        for n in range(1, 5):
            types = [f"Tensor[S{i}, {e}, {d}, T2]" for i in range(n)]
            each = ", ".join(_pf_el(t, "Y", i) for i, t in enumerate(types))
            variables = [*[f"S{i}: IntTuple" for i in range(n)], "T2: TapeState", "Y", *[f"V{i}" for i in range(3 * n)]]
            yield (
                variables,
                f"self: AddInto[tuple[{each}], {own}], {', '.join(f'x{i}: {t}' for i, t in enumerate(types))}, /",
                "Y",
            )
            yield variables, f"self: AddInto[tuple[{each}], {own}], inputs: tuple[{', '.join(types)}], /", "Y"

    for name, doc, make in (("SplitInto", "The same input to each module; the outputs as a tuple.", split),
                            ("AddInto", "One input for each module; the sum of the outputs.", add)):  # fmt: skip
        out.append(
            _head(name, "Ms", doc)
            + f"    def __init__[*Us](self: {name}[tuple[*Us], Any, Any], *modules: *Us) -> None: ...\n"
        )
        out.append(
            "    @property\n    def heads(self) -> list[Any]: ...\n" + _moves(view, name, "Ms") + _pf_calls(name, make)
        )
    out.append(_upscale(view))
    return "".join(out)
