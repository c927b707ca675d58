"""Stubs of modules whose own annotations say all: their signatures, without the imports behind them."""

from __future__ import annotations

import builtins
import inspect
import re
from typing import Any

__all__ = ["plain_class", "plain_stub"]

IMPORTS = (
    "import os\nfrom collections.abc import Callable, Iterable, Iterator, Mapping, Sequence\nfrom types import TracebackType\n"
    'from typing import Any, NamedTuple, Self, TextIO, TypeVar\n\nT = TypeVar("T")\n\n'
)
_KNOWN = {
    *dir(builtins),
    "os",
    "PathLike",
    "Callable",
    "Iterable",
    "Iterator",
    "Mapping",
    "Sequence",
    "Any",
    "Self",
    "TextIO",
    "T",
    "TracebackType",
}


def plain_stub(module: Any) -> str:
    """The public functions and classes of a module."""
    known = {*_KNOWN, *module.__all__}
    return IMPORTS + "\n".join(_item(name, getattr(module, name), known) for name in module.__all__)


def plain_class(name: str, cls: type, known: set[str]) -> str:
    """The stub of one class."""
    return _item(name, cls, {*_KNOWN, *known} - {"TextIO", "TracebackType", "os", "PathLike", "T"})


def _type(annotation: Any, known: set[str]) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")
    return (
        text if annotation is not inspect.Parameter.empty and set(re.findall(r"[A-Za-z_]\w*", text)) <= known else "Any"
    )


def _function(name: str, f: Any, known: set[str], pad: str = "") -> str:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return f"{pad}def {name}(*args: Any, **kwargs: Any) -> Any: ...\n"
    parts, starred = [], False
    for i, p in enumerate(signature.parameters.values()):
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        given = "" if pad and i == 0 else f": {_type(p.annotation, known)}"
        parts.append(f"{star}{p.name}{given}" + ("" if p.default is p.empty else " = ..."))
    returns = "None" if name == "__init__" else _type(signature.return_annotation, known)
    return f"{pad}def {name}({', '.join(parts)}) -> {returns}: ...\n"


def _item(name: str, value: Any, known: set[str]) -> str:
    if not inspect.isclass(value):
        return _function(name, value, known) if callable(value) else f"{name}: Any\n"
    out = [f"class {name}:\n"]
    for n, member in vars(value).items():
        if n.startswith("_") and n not in (
            "__init__",
            "__len__",
            "__getitem__",
            "__iter__",
            "__enter__",
            "__exit__",
            "__call__",
        ):
            continue
        if isinstance(member, property):
            out.append(
                f"    @property\n    def {n}(self) -> {_type(inspect.signature(member.fget).return_annotation, known)}: ...\n"
            )  # type: ignore[arg-type]
        elif inspect.isfunction(member):
            out.append(_function(n, member, known, "    "))
    return "".join([*out, "    def __getattr__(self, name: str) -> Any: ...\n"])
