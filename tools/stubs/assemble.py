"""Puts the parts together: {path of a stub file: its text}."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

from . import device, literals, nn, ops, special
from .contract import contract_stub
from .optim import optimizers
from .plain import members, plain_function, plain_stub
from .text import HEADER, PF, QUIET, STD, View

__all__ = ["Library", "build", "lacking"]

TEMPLATES = Path(__file__).parent / "templates"
DOMAINS = ("Channels", "Features", "Ids")  # classes of `dfdx.nn` that are no modules
USER_DIMS = ["B", "C", "F", "H", "I", "K", "M", "N", "O", "W"]
RANKS = [f"Rank{i}" for i in range(7)]
NAMES = [*RANKS, "Cpu", "Cuda", "Dim", "L", "NoTape", "OpenCL", "OwnedTape", "TapeState"]
DTYPE_NAMES = ["amp_bf16", "amp_f16", "bf16", "f16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]


def _template(name: str, **parts: str) -> str:
    """A template with its `#name` lines or words replaced."""
    text = (TEMPLATES / f"{name}.pyi.in").read_text("utf-8")
    for key in sorted(parts, key=len, reverse=True):
        text = text.replace(f"#{key}", parts[key].rstrip("\n"))
    return text


def _table() -> str:
    values = list(map(str, literals.literals()))
    rows = [", ".join(values[i : i + 20]) for i in range(0, len(values), 20)]
    return "".join(f"    {row},\n" for row in rows)


def _typevars(names: list[str], bound: str) -> str:
    return "".join(f'{n} = TypeVar("{n}", bound={bound})\n' for n in names)


class Library:
    """What the library has, found by importing it."""

    def __init__(self) -> None:
        import dfdx
        from dfdx import nn as modules
        from dfdx import optim
        from dfdx.core import errors
        from dfdx.core.ops._define import FUNCTIONS
        from dfdx.core.registry import OPS
        from dfdx.core.tensor import Tensor

        self.tensor, self.device, self.module = Tensor, dfdx.Device, modules.Module
        self.tape, self.gradients, self.captured = dfdx.Tape, dfdx.Gradients, type(dfdx.capture(lambda: None))
        self.dfdx, self.nn, self.optim, self.errors = dfdx, modules, optim, errors
        self.specs = OPS
        self.functions = {n: f for n, f in FUNCTIONS.items() if not n.startswith("_")}
        self.methods = {n: f for n, f in FUNCTIONS.items() if getattr(Tensor, n, None) is f}
        self.classes = {
            n: getattr(modules, n) for n in modules.__all__ if inspect.isclass(getattr(modules, n)) and n not in DOMAINS
        }
        known = {*self.functions, *errors.__all__, *NAMES, *DTYPE_NAMES, *_LAZY, *USER_DIMS, "bool", "DType", "DTYPES", "Device",
                 "Gradients", "Tape", "Tensor", "auto_device", "axpy", "capture", "profile", "device", "devices", "from_dlpack", "hookimpl", "core"}  # fmt: skip
        self.other = [n for n in dfdx.__all__ if n not in known]


_LAZY = ("nn", "optim", "data", "utils", "losses", "conformance")


def lacking() -> dict[str, list[str]]:
    """What has a generic stub only: ops, modules, other public names."""
    lib = Library()
    return {"ops": ops.unruled(lib.functions, lib.specs), "modules": nn.unruled(lib.classes), "names": lib.other}


def _tensor(view: View, lib: Library) -> str:
    any_tensor = "Tensor[Any, Any, Any, Any]"
    bound = ops.IN_CLASS

    def line(name: str, params: str, returns: str, many: bool = False, own: tuple[str, ...] = bound) -> str:
        return view.function(name, params, returns, own, many, 4)

    head = (
        "class Tensor(Generic[S, E, D, Tp]):"
        if view.std
        else ("class Tensor[S: IntTuple = Any, E: DType = Any, D: Device = Any, Tp: TapeState = Any]:")
    )
    variance = (
        ""
        if view.std
        else "    def _tape(self, t: Tp, /) -> None: ...\n    def _invariant(self, s: S, /) -> None: ...\n"
    )
    scalar = [f"self: {view.tensor(d)}" for d in ("", "1", "1 1")] + (
        [f"self: {view.tensor(d)}" for d in ("int", "int int")] if view.std else []
    )
    more = line(
        "split_tape", f"self: {view.tensor('S', t='OwnedTape')}", f"tuple[{view.tensor('S', t='NoTape')}, Tape]"
    )
    more += line("put_tape", "self, tape: Tape", view.tensor("S", t="OwnedTape"))
    loss = f"self: {view.tensor('', t='OwnedTape')}"
    more += line("backward", f"{loss}, retrace: Literal[False] = ...", "Gradients", True)
    more += line("backward", f"{loss}, retrace: builtins.bool", "_RetracedGradients", True)
    more += "".join(line("item", s, "Any", True) for s in scalar)
    more += line("copy_from", "self, source: Any", view.tensor("S")) + line("copy_into", "self, target: Any", "Any")
    more += line("fill_with_zeros", "self", view.tensor("S")) + line("fill_with_ones", "self", view.tensor("S"))
    more += line("fill_with_distr", "self, distribution: str = ..., *parameters: Any", view.tensor("S"))
    more += (
        f"    def axpy(self, alpha: float, b: {view.tensor('S', t='Any')}, beta: float) -> {view.tensor('S')}: ...\n"
    )
    more += "    @property\n    def T(self) -> Tensor[Any, E, D, Tp]: ...\n"
    items = [
        ("*B", f"self: {view.tensor('M0 *B')}, key: int, /"), ("Any *B", f"self: {view.tensor('M0 *B')}, key: builtins.slice, /"),
        ("S", "self, key: EllipsisType, /"), ("Any", "self, key: tuple[int | builtins.slice | EllipsisType, ...], /"),
    ]  # fmt: skip
    getitem = "".join(line("__getitem__", p, view.tensor(out), True) for out, p in items)
    getitem += line("__iter__", f"self: {view.tensor('M0 *B')}", f"Iterator[{view.tensor('*B')}]")
    for me, other, out in ops.matmuls(view):
        getitem += line("__matmul__", f"self: {me}, b: {other}, /", out, True)
    getitem += line("__neg__", f"self: {view.tensor('S', 'EN')}", view.tensor("S", "EN"))
    getitem += line("__abs__", f"self: {view.tensor('S', 'EN')}", view.tensor("S", "EN"))
    getitem += line("__invert__", f"self: {view.tensor('S', 'EL')}", view.tensor("S", "EL", t="NoTape"))
    getitem += line("__pow__", f"self, p: {view.tensor('S', t='T2')}, /", view.tensor("S", t="Tp | T2"), True)
    getitem += line("__pow__", "self, p: float, /", view.tensor("S"), True)
    getitem += line("__rpow__", f"self: {view.tensor('S', 'EF')}, b: float, /", view.tensor("S", "EF"))
    get = view.function(
        "get", f"self, tensor: {view.tensor('S', 'E', 'D', 'Any')}", view.tensor("S", t="NoTape"), (), False, 4
    )
    again = view.function(
        "get", f"self, tensor: {view.tensor('S', 'E', 'D', 'Any')}", view.tensor("S", t="OwnedTape"), (), False, 4,
        suffix="  # type: ignore[override]",
    )  # fmt: skip
    methods = {n: f for n, f in lib.methods.items() if not re.search(rf"def {n}\b", getitem)}
    arrays = "np.ndarray[S, np.dtype[Any]]" if view.std else "np.ndarray[Any, np.dtype[Any]]"
    return _complete(_template(
        "tensor", anytensor=any_tensor, gradient_get=get, retraced_get=again, tensor_head=head, tape_variance=variance, tensor_more=more, ndarray=arrays,
        getitem=getitem, helpers=ops.helpers(view, lib.functions, lib.specs) if view.std else "",
        methods=ops.operators(view) + ops.methods(view, methods, lib.specs),
    ) + "\n", {c.__name__: c for c in (lib.tensor, lib.gradients, lib.tape)})  # fmt: skip


def _complete(text: str, classes: dict[str, type]) -> str:
    """The stubs of these classes, each with what it does not name yet."""
    known = {"Any", "int", "float", "str", "tuple", "list", "dict", "None", "Tensor"}
    out = []
    for part in re.split(r"(?m)^(?=class |@overload\n(?:def|class) |def )", text):
        found = re.match(r"class (\w+)", part)
        cls = classes.get(found[1]) if found else None
        out.append(part if cls is None else f"{part.rstrip()}\n{members(cls, known, part)}\n")
    return "".join(out)


_CALL = "    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...\n"
_CAPTURED = {  # by whether it is the standard view
    True: '_Ps = ParamSpec("_Ps")\n\nclass Captured(Generic[_Ps, _R]):\n' + _CALL.replace("P.", "_Ps.").replace("> R", "> _R")
    + "\ndef capture(step: Callable[_Ps, _R]) -> Captured[_Ps, _R]: ...\n",
    False: "class Captured[**P, R]:\n" + _CALL + "\ndef capture[**P, R](step: Callable[P, R]) -> Captured[P, R]: ...\n",
}  # fmt: skip


def _device(view: View, lib: Library) -> str:
    made = {"makers": device.makers(view), "build": nn.build_methods(view)}
    text = _template("device", device_functions=device.device_functions(view), **made)
    return _complete(text, {"Device": lib.device})


def _functions(view: View, lib: Library) -> str:
    out = [ops.functions(view, lib.functions, lib.specs)]
    out.append("def from_dlpack(source: Any) -> Tensor[Any, Any, Cpu, NoTape]: ...\n")
    out.append(_complete(_CAPTURED[view.std], {"Captured": lib.captured}))
    for name in lib.other:
        value = getattr(lib.dfdx, name)
        if inspect.isclass(value):
            out.append(
                f"class {name}:\n    def __init__(self, *args: Any, **kwargs: Any) -> None: ...\n    def __getattr__(self, name: str) -> Any: ...\n"
            )
        elif callable(value):
            out.append(f"def {name}(*args: Any, **kwargs: Any) -> Any: ...\n")
        else:
            out.append(f"{name}: Any\n")
    return "\n".join(out)


def _errors(lib: Library, dots: str) -> str:
    return "".join(f"from {dots}errors import {n} as {n}\n" for n in lib.errors.__all__)


IMPORTS = """import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec, Protocol, Self, overload

import numpy as np
from typing_extensions import TypeAlias, TypeVar, TypeVarTuple
"""


def _std_core(lib: Library) -> str:
    view = STD
    dims = [f"{c}{i}" for c in "MNZ" for i in range(6)] + ["G", "P", "R", "KH", "KW", "OH", "OW"]
    variables = [
        'Bs = TypeVarTuple("Bs")\n', _typevars(USER_DIMS, "int"), _typevars(dims, "int"), _typevars([f"L{i}" for i in range(6)], "Lit"),
        _typevars(["EF"], "_Float"), _typevars(["EN"], "_Number"), _typevars(["EL"], "_Logical"), _typevars(["EI"], "_Int"),
        _typevars(["E2"], "DType"), _typevars(["D2"], "Device"), _typevars([f"T{i}" for i in range(9)], "TapeState"),
        _typevars(["S2"], "tuple[Any, ...]"), '_R = TypeVar("_R")\n',
        'S = TypeVar("S", bound=tuple[Any, ...], default=Any)\n',
        'E = TypeVar("E", bound=DType, default=Any)\nD = TypeVar("D", bound=Device, default=Any)\n',
        '# contravariant: `T | T2` is then a merged tape, which what needs an owned one accepts, and NoTape is not\n',
        'Tp = TypeVar("Tp", bound=TapeState, contravariant=True, default=Any)\n',
    ]  # fmt: skip
    chain = ", ".join([
        "Sequential", "_At", "_Buildable", "_Deep", "_Keeps", "_Starts",
        *[f"_El{i}" for i in range(nn.NESTED)], *[f"_Map{i}" for i in range(nn.OUTER)], *[f"_X{i}" for i in range(nn.OUTER + 1)],
        *[f"_A{i}{j}" for i in range(nn.NESTED) for j in range(nn.INNER - 1)],
    ])  # fmt: skip
    common = _template("common")
    aliases = (
        '_0 = TypeVar("_0")\n'
        + "".join(f'_{i} = TypeVar("_{i}")\n' for i in range(1, 6))
        + 'Dim = Annotated[_0, "dim"]\nRank0: TypeAlias = tuple[()]\n'
    )
    aliases += "".join(f"Rank{n}: TypeAlias = tuple[{', '.join(f'_{i}' for i in range(n))}]\n" for n in range(1, 7))
    body = _device(view, lib)
    parts = [
        HEADER + QUIET + IMPORTS + f"from .nn import {chain}\n" + _errors(lib, "...") + "\nfrom typing import Literal as L\n\n__all__ = ['L']\n",
        common, "bool = bool_\n", f"Lit: TypeAlias = Literal[\n{_table()}]\n", "".join(variables), aliases,
        _tensor(view, lib), device.fill_classes(view), body, _functions(view, lib),
    ]  # fmt: skip
    return "\n".join(parts)


def _std_vars(lib: Library) -> str:
    """The variables of users' generic functions: without defaults, unlike those of the class."""
    return (
        HEADER
        + QUIET
        + (
            "from typing import Any\n\nfrom typing_extensions import TypeVar\n\nfrom . import Device, TapeState, _Float\n\n"
            + _typevars(USER_DIMS, "int")
            + _typevars(["S"], "tuple[Any, ...]")
            + _typevars(["E"], "_Float")
            + _typevars(["D"], "Device")
            + _typevars(["T"], "TapeState")
        )
    )


def _module_part(view: View, lib: Library) -> str:
    if view.std:
        head = "class Module(Generic[MX, MY]):"
        phantoms = "    def _built(self, at: _At[E2, D2], /) -> Self: ...\n" + nn._phantoms("MX", "MY")
        phantoms += "    def _starts(self, x: MX, /) -> MY: ...\n"
        call = "    @property\n    def __call__(self: _HasForward[_F]) -> _F: ...\n"
    else:
        head = "class Module[X = Any, Y = Any]:"
        phantoms = "    def _built[E: DType, D: Device](self, at: _At[E, D], /) -> Self: ...\n"
        phantoms += "    def _fwd(self, x: Any, /) -> Any: ...\n"
        call = "    @property\n    def __call__[F](self: _HasForward[F]) -> F: ...\n"
    text = _template(
        "module", anytensor="Tensor[Any, Any, Any, Any]", module_head=head, module_phantoms=phantoms, module_call=call
    )
    return _complete(text, {"Module": lib.module})


def _parameter(view: View) -> str:
    """`nn.Param(shape)`: what stands in `forward` is the built tensor."""
    more = "init: Any = ..., trainable: builtins.bool = ..."
    if not view.std:
        return "".join([
            f"@overload\ndef Param[S: IntTuple](shape: S, {more}) -> Tensor[S, Any, Any, NoTape]: ...\n",
            f"@overload\ndef Param(shape: tuple[int, ...] | list[int], {more}) -> Tensor[Any, Any, Any, NoTape]: ...\n",
        ])  # fmt: skip
    from .tables import shape_args

    rows = [
        view.function("Param", f"shape: {arg}, {more}", view.tensor(out, "Any", "Any", "NoTape"), (), True)
        for arg, out in shape_args(range(5))
    ]
    return "".join(
        [
            *rows,
            view.function(
                "Param", f"shape: tuple[int, ...] | list[int], {more}", "Tensor[Any, Any, Any, NoTape]", (), True
            ),
        ]
    )


CORE_NAMES = (
    "Bs, C, D, D2, DType, M, P, Device, E, E2, EF, EI, G, Gradients, H, I, K, KH, KW, L0, L1, L2, L3, M0, M1, M2, M3, M4, M5, N, N0, N1, N2, N3, "
    "NoTape, O, OwnedTape, S, T0, T1, T2, Tensor, W, B, Tp, _Float, TapeState"
)


def _nn(view: View, lib: Library) -> str:
    public = [n for n in lib.nn.__all__ if n not in lib.classes and n not in ("losses", "init", "build", *DOMAINS)]
    extra = "".join(f"{n}: Any\n" for n in public)
    build = "def build(device: Any, spec: Any, dtype: Any, input: Any = ...) -> Any: ...\n"
    subs = ""
    part = _module_part(view, lib)
    part = part[part.index("class Named") :].replace("    param: Param\n", "    param: Any\n")
    classes = nn.module_classes(view, lib.classes) + "\n" + _complete(special.special_classes(view), lib.classes)
    missing = [n for n in nn.SPECIAL if n not in lib.classes and n not in ("Param",)]
    if view.std:
        head = IMPORTS + f"from . import {CORE_NAMES}\n{subs}\n" + (
            '_In = TypeVar("_In")\n_Out = TypeVar("_Out")\n_F = TypeVar("_F")\n_F_co = TypeVar("_F_co", covariant=True)\n'
            '_X = TypeVar("_X")\n_Y = TypeVar("_Y")\n' + "".join(f'_V{i} = TypeVar("_V{i}")\n' for i in range(nn.INNER - 1)) +
            '_AE = TypeVar("_AE", bound=DType)\n_AD = TypeVar("_AD", bound=Device)\n'
            'MX = TypeVar("MX", default=Any)\nMY = TypeVar("MY", default=Any)\nME = TypeVar("ME", bound=DType, covariant=True, default=Any)\nMD = TypeVar("MD", bound=Device, covariant=True, default=Any)\n\n'
            'class Features(Generic[I]):\n    """What goes into or comes out of a module: any leading dims, then I features."""\n\n'
            'class Channels(Generic[I]):\n    """Images: any leading dims, I channels, height, width."""\n\n'
            'class Ids:\n    """Integers of any shape, as embeddings take them."""\n\n'
            "class _OtherDomain: ...\n_Other = TypeVar(\"_Other\", bound=_OtherDomain)\n\n"
            "class _At(Generic[_AE, _AD]): ...\n\n"
            "class _Buildable(Protocol[_In, _Out]):\n    def _built(self, at: _In, /) -> _Out: ...\n\n"
            "class _HasForward(Protocol[_F_co]):\n    @property\n    def forward(self) -> _F_co: ...\n\n"
        )  # fmt: skip
        inner = " | ".join(nn._deep_inner())
        chain = nn.chain_vars() + f"_DeepInner: TypeAlias = {inner}\n"
        body = [head, chain, _parameter(view), part, classes, build, extra]
    else:
        head = PF_IMPORTS + "from . import (\n    Cpu, DType, Device, Gradients, NoTape, OwnedTape, TapeState, Tensor, _Float, _Int,\n)\n" + subs + (
            "class _AnyDomain[A]: ...\nFeatures = _AnyDomain\nChannels = _AnyDomain\nclass Ids: ...\n\n"
            "class _At[E: DType, D: Device]:\n    def _invariant(self, e: E, d: D) -> tuple[E, D]: ...\n\n"
            "class _Buildable[In, Out](Protocol):\n    def _built(self, at: In, /) -> Out: ...\n\n"
            "class _Fwd[X, Y](Protocol):\n    def _fwd(self, x: X, /) -> Y: ...\n\n"
            "class _HasForward[F](Protocol):\n    @property\n    def forward(self) -> F: ...\n\n"
            '_X = TypeVar("_X")\n_Y = TypeVar("_Y")\n_A = TypeVar("_A")\n_B = TypeVar("_B")\n_C = TypeVar("_C")\n'
            "_El: TypeAlias = _Fwd[_X, _Y] | tuple[_Fwd[_X, _Y]] | tuple[_Fwd[_X, _A], _Fwd[_A, _Y]] | tuple[_Fwd[_X, _A], _Fwd[_A, _B], _Fwd[_B, _Y]]"
            " | tuple[_Fwd[_X, _A], _Fwd[_A, _B], _Fwd[_B, _C], _Fwd[_C, _Y]] | " + " | ".join(nn._deep_inner()) + "\n\n"
        )  # fmt: skip
        body = [head, _parameter(view), part, classes, build, extra]
    del missing
    return HEADER + QUIET + "\n".join(body)


def _losses(view: View, lib: Library) -> str:
    from dfdx import losses

    imports = (
        "from . import DType, Device, D, E, EI, NoTape, S, TapeState, Tensor, Tp, Bs, C\n"
        if view.std
        else (
            "from shape_extensions import IntTuple, IntVar\nfrom . import DType, Device, NoTape, TapeState, Tensor, _Int\n"
        )
    )
    out = []
    for name in losses.__all__:
        params = list(inspect.signature(getattr(losses, name)).parameters.values())
        rest = "".join(f", {p.name}: {nn._plain(p)} = ..." for p in params[2:])
        a, b = params[0].name, params[1].name
        if name == "cross_entropy_with_indices_loss":
            given = f"{a}: {view.tensor('*B C')}, {b}: {view.tensor('*B', 'EI', 'D', 'NoTape')}{rest}"
        else:
            given = f"{a}: {view.tensor('S')}, {b}: {view.tensor('S', t='NoTape')}{rest}"
        out.append(view.function(name, given, view.tensor("")))
    return (
        HEADER
        + QUIET
        + "import builtins\nfrom typing import Any\n"
        + imports
        + _all(list(losses.__all__))
        + "\n"
        + "\n".join(out)
    )


def _init() -> str:
    from dfdx.nn import init

    head = "from collections.abc import Callable\nfrom typing import Any\n\nfrom typing_extensions import TypeAlias\n"
    kind = "\nInit: TypeAlias = Callable[[Any, tuple[int, ...], Any], Any]  # (device, shape, dtype) to a tensor\n\n"
    values = {n: getattr(init, n) for n in init.__all__ if n != "Init"}
    makers = "".join(plain_function(n, v, {"Init"}) if v.__name__ == n else f"{n}: Init\n" for n, v in values.items())
    return HEADER + QUIET + head + _all(list(init.__all__)) + kind + makers


def _data(view: View) -> str:
    """Datasets: the size of a batch stays known, and becomes the first dim of what `stack` makes."""
    from dfdx import data

    n, given = ("N", "L0") if view.std else ("N", "Int[N]")
    kept = "L0" if view.std else "N"
    rows = [
        view.function("batch_exact", f"self, size: {given}", f"Dataset[Batch[{kept}, _T_co]]", (), view.std, 4),
        view.function("batch_exact", "self, size: int", "Dataset[Batch[int, _T_co]]", (), True, 4) if view.std else "",
        "    def batch_with_last(self, size: int) -> Dataset[Batch[Any, _T_co]]: ...\n",
        view.function("collate", f"self: Dataset[Batch[{n}, tuple[_U, _V]]]", f"Dataset[tuple[Batch[{n}, _U], Batch[{n}, _V]]]", (), True, 4),
        view.function("collate", "self", "Dataset[tuple[list[Any], ...]]", (), True, 4),
    ]  # fmt: skip
    one, other = (
        (view.tensor("*B", t="Tp"), "Tensor[tuple[*Cs], E2, D2, T2]")
        if view.std
        else (view.tensor("S"), view.tensor("S2", "E2", "D2", "T2"))
    )
    first, second = (
        ("Tensor[tuple[N, *Bs], E, D, Tp]", "Tensor[tuple[N, *Cs], E2, D2, T2]")
        if view.std
        else ("Tensor[[N, *S], E, D, Tp]", "Tensor[[N, *S2], E2, D2, T2]")
    )
    rows.append(view.function("stack", f"self: Dataset[Batch[{n}, {one}]]", f"Dataset[{first}]", (), True, 4))
    pair = f"self: Dataset[tuple[Batch[{n}, {one}], Batch[{n}, {other}]]]"
    rows.append(view.function("stack", pair, f"Dataset[tuple[{first}, {second}]]", (), True, 4))
    rows.append(view.function("stack", "self", "Dataset[Any]", (), True, 4))
    core = f"from . import {', '.join(['Bs', 'D', 'D2', 'E', 'E2', 'L0', 'N', 'T2', 'Tensor', 'Tp'] if view.std else ['DType', 'Device', 'TapeState', 'Tensor'])}\n"
    head = (
        HEADER
        + QUIET
        + "from collections.abc import Callable, Iterable, Iterator\nfrom typing import Any, Generic, Protocol, overload\nimport numpy as np\n"
    )
    head += (
        "from typing_extensions import TypeVar, TypeVarTuple\n"
        + ("" if view.std else "from shape_extensions import Int, IntTuple, IntVar\n")
        + core
    )
    head += '_U = TypeVar("_U")\n_V = TypeVar("_V")\n_T_co = TypeVar("_T_co", covariant=True)\n' + (
        'Cs = TypeVarTuple("Cs")\n' if view.std else '_N = IntVar("_N")\n'
    )
    body = _template("data", batching="".join(rows), batch_base="Generic[N, _V]" if view.std else "Generic[_N, _V]")
    known = ("Dataset", "dataset")
    rest = "".join(
        _DATA.get(n, f"def {n}(*args: Any, **kwargs: Any) -> Any: ...\n") for n in data.__all__ if n not in known
    )
    return head + "\n" + body + "\n" + rest


_DATA = {
    "digits": "def digits(split: str = ..., seed: int = ..., flat: bool = ...) -> Dataset[tuple[np.ndarray[Any, Any], np.int64]]: ...\n",
    "mnist": "def mnist(folder: Any, split: str = ..., flat: bool = ...) -> Dataset[tuple[np.ndarray[Any, Any], np.int64]]: ...\n",
    "prefetch": "def prefetch(items: Iterable[_U], depth: int = ...) -> Iterator[_U]: ...\n",
    "read_idx": "def read_idx(path: Any) -> Any: ...\n",
}


PF_IMPORTS = """import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, Self, TypeAlias, overload

import numpy as np
import shape_extensions.dsl as dsl
from shape_extensions import Flag, Int, IntTuple, IntVar, type_shape_dsl_function
from typing_extensions import TypeVar
"""


def _pf_core(lib: Library) -> str:
    view = PF
    names = "".join(f'{d} = IntVar("{d}")\n' for d in USER_DIMS)
    names += 'S = TypeVar("S", bound=IntTuple)\nE = TypeVar("E", bound=_Float)\nD = TypeVar("D", bound=Device)\nT = TypeVar("T", bound=TapeState)\n'
    aliases = (
        '_0 = TypeVar("_0", bound=int)\n'
        + "".join(f'_{i} = TypeVar("_{i}")\n' for i in range(1, 6))
        + "Rank0: TypeAlias = tuple[()]\n"
    )
    aliases += "".join(f"Rank{n}: TypeAlias = tuple[{', '.join(f'_{i}' for i in range(n))}]\n" for n in range(1, 7))
    body = _device(view, lib)
    parts = [
        HEADER + QUIET + PF_IMPORTS + "from shape_extensions import Int as Dim\nfrom .rules import (\n    axis_shape, broadcast_shape, permute_shape, realize_shape, reduce_shape, reduce_to_shape, reshape_shape,\n)\nfrom .nn import Sequential, _At, _Buildable\n" + _errors(lib, "...")
        + "\nfrom typing import Literal as L\n\n__all__ = ['L']\n",
        _template("common"), "bool = bool_\n", names, aliases, _tensor(view, lib),
        body, _functions(view, lib),
    ]  # fmt: skip
    return "\n".join(parts)


SWITCH = """MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
{pf}else:
{std}"""


def _switch(imports: list[str], where: str) -> str:
    """Pyrefly takes the name TYPE_CHECKING_WITH_PYREFLY for true, mypy MYPY; pyright and ty take the last branch."""
    pf = "".join(f"        from {where}.{line.format(view='pf')}\n" for line in imports)
    std = "".join(f"    from {where}.{line.format(view='std')}\n" for line in imports)
    return SWITCH.format(pf=pf, std=std)


def _all(names: list[str]) -> str:
    return "\n__all__ = [" + ", ".join(f'"{n}"' for n in names) + "]\n"


def _as(names: list[str]) -> str:
    return ", ".join(f"{n} as {n}" for n in names)


def _root(lib: Library) -> str:
    names = [n for n in lib.dfdx.__all__ if n not in (*_LAZY, "core", "bool", "profile")]
    user = ["B", "C", "F", "H", "I", "K", "M", "N", "O", "W", "S", "E", "D", "T"]
    core = _as([*names, "bool"])
    std = f"    from .core.static.std import {core}\n    from .core.static.std.variables import {_as(user)}\n"
    pf = f"        from .core.static.pf import {core}\n        from .core.static.pf import {_as(user)}\n"
    lazy = "from . import core as core, nn as nn, optim as optim, data as data, utils as utils\nfrom .nn import losses as losses\nfrom .utils import profile as profile\n"
    lazy += "__version__: str\n"
    return HEADER + QUIET + SWITCH.format(pf=pf, std=std) + "\n" + lazy + _all(list(lib.dfdx.__all__))


def _module(where: str, module: ModuleType) -> str:
    """The stub of a public module: its names from the view that the checker reads."""
    names = list(module.__all__)
    return HEADER + QUIET + _all(names) + _switch([f"{where} import {_as(names)}"], "..core.static")


def build() -> dict[str, str]:
    """Every stub file, by its path in the checkout."""
    lib = Library()
    subs = ["init", "losses"]
    nn_public = _as([n for n in lib.nn.__all__ if n not in subs])
    out = {
        "__init__.pyi": _root(lib),
        "nn/__init__.pyi": HEADER
        + QUIET
        + _all(list(lib.dfdx.nn.__all__))
        + _switch([f"{{view}}.nn import {nn_public}"], "..core.static")
        + f"\nfrom . import {_as(subs)}\n",
        **{f"nn/{n}.pyi": _module(f"{{view}}.{n}", getattr(lib.nn, n)) for n in subs},
        "optim/__init__.pyi": _module("{view}.optim", lib.dfdx.optim),
        "data/__init__.pyi": _module("{view}.data", lib.dfdx.data),
        "utils/__init__.pyi": HEADER + QUIET + plain_stub(lib.dfdx.utils) + _all(list(lib.dfdx.utils.__all__)),
        "utils/profile.pyi": HEADER + "from . import Profile as Profile, profile as profile\n",
        "core/contract.pyi": contract_stub(TEMPLATES.parents[2] / "core" / "contract.py"),
        "core/static/std/__init__.pyi": _std_core(lib),
        "core/static/std/variables.pyi": _std_vars(lib),
        "core/static/pf/__init__.pyi": _pf_core(lib),
        "core/static/pf/rules.pyi": HEADER + QUIET + (TEMPLATES / "shape_rules.pyi.in").read_text("utf-8"),
    }
    for view in (STD, PF):
        base = f"core/static/{view.name}"
        out[f"{base}/nn.pyi"] = _nn(view, lib)
        out[f"{base}/losses.pyi"] = _losses(view, lib)
        out[f"{base}/init.pyi"] = _init()
        out[f"{base}/optim.pyi"] = optimizers(view, lib)
        out[f"{base}/data.pyi"] = _data(view)
    return out
