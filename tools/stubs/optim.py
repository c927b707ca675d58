"""Stubs of the optimizers."""

from __future__ import annotations

import builtins
import inspect
from typing import Any

from . import nn
from .plain import members, plain_class
from .text import HEADER, QUIET, View

__all__ = ["optimizers"]


def optimizers(view: View, lib: Any) -> str:
    """Optimizers: generic in the model, so that another model's is refused."""
    types = {
        "float | Schedule",
        "tuple[float, float]",
        "float",
        "bool",
        "int",
        "L2 | Decoupled | None",
        "Classic | Nesterov | None",
    }
    out = [HEADER + QUIET + "import builtins\nfrom collections.abc import Callable, Mapping\nfrom dataclasses import dataclass\nfrom typing import Any, Generic, NamedTuple\n"
           "from typing_extensions import TypeVar\nfrom . import Gradients\n\nSchedule = Callable[[int], float]\nMo = TypeVar(\"Mo\")\n"]  # fmt: skip
    known = {*dir(builtins), *lib.optim.__all__, "Any", "Callable", "Gradients", "Mapping"}
    for name in lib.optim.__all__:
        cls = getattr(lib.optim, name)
        if not inspect.isclass(cls):
            if name != "Schedule":
                out.append(f"def {name}(*args: Any, **kwargs: Any) -> Any: ...\n")
            continue
        if issubclass(cls, tuple):
            fields = "".join(f"    {f}: float\n" for f in cls._fields)
            out.append(f"class {name}(NamedTuple):\n{nn._doc(cls)}{fields}")
            continue
        optimizer = issubclass(cls, lib.optim.Optimizer)
        params = [p for p in list(inspect.signature(cls.__init__).parameters.values())[1:]]
        text, starred = ["self"], False
        for p in params:
            kind = (
                "Mo"
                if p.name == "model"
                else str(p.annotation).replace("bool", "builtins.bool")
                if str(p.annotation) in types
                else "Any"
            )
            if p.kind is p.KEYWORD_ONLY and not starred:
                text.append("*")
                starred = True
            star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
            text.append(f"{star}{p.name}: {kind}" + ("" if p.default is p.empty else " = ..."))
        base = (
            ""
            if not optimizer
            else "(Generic[Mo])"
            if cls is lib.optim.Optimizer
            else f"({cls.__mro__[1].__name__}[Mo])"
        )
        body = f"class {name}{base}:\n{nn._doc(cls)}    def __init__({', '.join(text)}) -> None: ...\n"
        if optimizer:
            body += members(cls, known).replace("model: Any", "model: Mo")
        else:
            body = plain_class(name, cls, set(lib.optim.__all__))
        out.append(body)
    return "\n".join(out)
