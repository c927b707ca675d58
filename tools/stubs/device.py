"""The makers of tensors on a device, and `build_module`, in both views."""

from __future__ import annotations

from . import tables
from .text import View

__all__ = ["device_functions", "fill_classes", "makers"]

FLOAT_FILLS = ("sample_uniform", "sample_normal")
FILLS = {
    "zeros": ("FillZero", ""),
    "ones": ("FillZero", ""),
    "sample_uniform": ("FillUniform", "low: float = ..., high: float = ..."),
    "sample_normal": ("FillNormal", "mean: float = ..., std: float = ..."),
    "full": ("FillValue", "value"),
    "upper_tri": ("FillTriangle", "value: float = ..., diagonal: int = ..."),
    "lower_tri": ("FillTriangle", "value: float = ..., diagonal: int = ..."),
}


def _params(name: str, shape: str, dtype: bool) -> str:
    helper, more = FILLS[name]
    shape = f"shape: {shape}"
    if helper == "FillValue":
        return f"{shape}, value: float" + (", dtype: type[E2]" if dtype else "")
    if helper == "FillTriangle":
        return f"{shape}, {more}" if not dtype else f"{shape}, {more}, *, dtype: type[E2]"
    if not dtype:
        return shape + (f", *, {more}" if more else "")
    return f"{shape}, dtype: type[E2]" + (f", {more}" if more else "")


def fill_classes(view: View) -> str:
    """The objects behind `dev.zeros`, `dev.sample_normal` and their kin, each a table of shapes."""
    if not view.std:
        return ""
    out = []
    for name in ("zeros", "sample_uniform", "sample_normal", "full", "upper_tri"):
        helper = FILLS[name][0]
        out.append(
            f'class {helper}(Generic[D]):\n    """What `dev.{name}` is: the table of shapes, written once."""\n\n'
        )
        for dtype in (False, True):
            if helper in ("FillZero", "FillUniform", "FillNormal"):
                given = "dtype: type[E2]" if dtype else ""
                out.append(
                    view.function(
                        "__call__",
                        f"self, {given}".rstrip(", "),
                        view.tensor("", "E2" if dtype else "f32", t="NoTape"),
                        ("D",),
                        True,
                        4,
                    )
                    if not dtype
                    else ""
                )
            for arg, dims in [(tables.UNKNOWN_RANK, "Any"), *tables.shape_args()]:
                ret = view.tensor(dims, "E2" if dtype else "f32", t="NoTape")
                out.append(view.function("__call__", f"self, {_params(name, arg, dtype)}", ret, ("D",), True, 4))
            ret = view.tensor("Any", "E2" if dtype else "f32", t="NoTape")
            out.append(view.function("__call__", f"self, {_params(name, 'list[int]', dtype)}", ret, ("D",), True, 4))
        out.append("\n")
    return "".join(out)


def makers(view: View) -> str:
    """The methods of `Device` that make tensors."""
    out = []

    def add(name: str, params: str, returns: str, many: bool = False) -> None:
        out.append(view.function(name, f"self, {params}" if params else "self", returns, (), many, 4))

    t = lambda dims, e="f32": view.tensor(dims, e, "Self", "NoTape")  # noqa: E731
    like = f"other: {view.tensor('S2', 'E2', 'Any', 'Any')}"
    for name, (helper, _) in FILLS.items():
        if view.std:
            out.append(f"    @property\n    def {name}(self) -> {helper}[Self]: ...\n")
            continue
        if helper in ("FillZero", "FillUniform", "FillNormal"):
            add(name, "", t(""), True)
        for dtype in (False, True):
            add(name, _params(name, "S2", dtype), t("S2", "E2" if dtype else "f32"), True)
            add(name, _params(name, "tuple[int, ...] | list[int]", dtype), t("Any", "E2" if dtype else "f32"), True)
    for name, more in (
        ("zeros", ""),
        ("ones", ""),
        ("full", ", value: float"),
        ("sample_uniform", ""),
        ("sample_normal", ""),
    ):
        add(f"{name}_like", like + more, t("S2", "E2"))
    for name in ("upper_tri_like", "lower_tri_like"):
        add(name, f"{like}, value: float = ..., diagonal: int = ...", t("S2", "E2"))
    add(
        "sample",
        'shape: Any, distribution: Literal["uniform", "normal", "integers", "bernoulli"] = ..., *parameters: float, dtype: Any = ...',
        t("Any", "Any"),
    )
    add(
        "sample_like",
        f'{like}, distribution: Literal["uniform", "normal", "integers", "bernoulli"] = ..., *parameters: float',
        t("S2", "Any"),
    )
    n, known = ("L0", "L0") if view.std else ("Int[L0]", "L0")
    add("arange", f"start: {n}", t(known, "i64"), True)
    if view.std:
        add("arange", "start: int", t("int", "i64"), True)
    add("arange", f"start: {n}, *, dtype: type[E2]", t(known, "E2"), True)
    add("arange", "start: int, stop: int, step: int = ...", t("Any", "i64"), True)
    add("arange", "start: float, stop: float | None = ..., step: float = ..., dtype: None = ...", t("Any", "f32"), True)
    add("arange", "start: float, stop: float | None = ..., step: float = ..., *, dtype: type[E2]", t("Any", "E2"), True)
    add("arange", "start: float, stop: float | None = ..., step: float = ..., dtype: Any = ...", t("Any", "Any"), True)
    for dtype, e in (("", "f32"), (", dtype: type[E2]", "E2")):
        add("linspace", f"start: float, stop: float, count: {n}{dtype}", t(known, e), True)
        if view.std:
            add("linspace", f"start: float, stop: float, count: int{dtype}", t("int", e), True)
    m = ("L1", "L1") if view.std else ("Int[L1]", "L1")
    more = "dtype: type[E2]"
    add("eye", f"n: {n}, m: None = ...", t(f"{known} {known}"), True)
    add("eye", f"n: {n}, m: {m[0]}", t(f"{known} {m[1]}"), True)
    add("eye", f"n: {n}, m: None, {more}", t(f"{known} {known}", "E2"), True)
    add("eye", f"n: {n}, *, {more}", t(f"{known} {known}", "E2"), True)
    add("eye", f"n: {n}, m: {m[0]}, {more}", t(f"{known} {m[1]}", "E2"), True)
    if view.std:
        add("eye", "n: int, m: int | None = ...", t("int int"), True)
        add("eye", f"n: int, *, {more}", t("int int", "E2"), True)
        add("eye", f"n: int, m: int | None, {more}", t("int int", "E2"), True)
    _data(add, t)
    classes = "n: L0" if view.std else "n: Int[L0]"
    for dtype, e in (("", "f32"), (", dtype: type[E2]", "E2")):
        labels = f"labels: {view.tensor('*B', 'EI', 'Any', 'Any')}"
        add("one_hot_encode", f"{labels}, {classes}{dtype}", t("*B L0", e), True)
        if view.std:
            add("one_hot_encode", f"{labels}, n: int{dtype}", t("*B int", e), True)
        add("one_hot_encode", f"labels: list[int], {classes}{dtype}", t("Any L0", e), True)
        add("one_hot_encode", f"labels: Any, n: int{dtype}", t("Any", e), True)
    return "".join(out)


def _data(add, t) -> None:
    """`dev.tensor(data)`: rank and dtype from nested sequences; the lengths of lists are not in their types."""
    for scalar, e in (("builtins.bool", "bool_"), ("int", "i64"), ("float", "f32")):
        given = scalar
        for rank in range(5):
            add("tensor", f"data: {given}, dtype: None = ...", t(" ".join(["Any"] * rank), e), True)
            given = f"Sequence[{given}]"
    given = "float"
    for rank in range(5):
        add("tensor", f"data: {given}, dtype: type[E2]", t(" ".join(["Any"] * rank), "E2"), True)
        given = f"Sequence[{given}]"
    add("tensor", "data: Tensor[S2, E2, Any, Any], dtype: None = ...", t("S2", "E2"), True)
    add("tensor", "data: Any, dtype: type[E2]", t("Any", "E2"), True)
    add("tensor", "data: Any, dtype: Any = ...", t("Any", "Any"), True)


def device_functions(view: View) -> str:
    """`dfdx.device(name)` by its literal name."""
    out = []
    for name, cls in (("cpu", "Cpu"), ("cuda", "Cuda"), ("opencl", "OpenCL")):
        names = [f'"{name}"'] + ([f'"{name}:{i}"' for i in range(8)] if name != "cpu" else [])
        out.append(view.function("device", f"name: Literal[{', '.join(names)}], seed: int | None = ...", cls, (), True))
    out.append(view.function("device", "name: str, seed: int | None = ...", "Device", (), True))
    return "".join([*out, "def auto_device() -> Device: ...\n", "def devices() -> list[Any]: ...\n"])
