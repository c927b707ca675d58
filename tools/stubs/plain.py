"""Stubs of what its own annotations describe: signatures and attributes of functions, classes and modules."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import re
import textwrap
from typing import Any

__all__ = ["members", "plain_class", "plain_function", "plain_method", "plain_stub"]

IMPORTS = (
    "import os\nfrom collections.abc import Callable, Iterable, Iterator, Mapping, Sequence\nfrom types import TracebackType\n"
    'from typing import Any, NamedTuple, Self, TextIO, TypeVar\n\n_T = TypeVar("_T")\n\n'
)
_KNOWN = {
    *dir(builtins), "os", "PathLike", "Callable", "Iterable", "Iterator", "Mapping", "Sequence", "Any", "Self", "TextIO", "_T",
    "TracebackType",
}  # fmt: skip
_SPECIAL = {"__init__", "__len__", "__getitem__", "__iter__", "__enter__", "__exit__", "__call__", "__post_init__"}


def plain_stub(module: Any) -> str:
    """The public functions and classes of a module."""
    known = {*_KNOWN, *module.__all__}
    return IMPORTS + "\n".join(_item(name, getattr(module, name), known) for name in module.__all__)


def plain_class(name: str, cls: type, known: set[str]) -> str:
    """The stub of one class."""
    return _item(name, cls, {*_KNOWN, *known} - {"TextIO", "TracebackType", "os", "PathLike", "_T"})


def plain_function(name: str, f: Any, known: set[str]) -> str:
    """The stub of one function."""
    return _function(name, f, {*_KNOWN, *known})


def plain_method(name: str, f: Any) -> str:
    """The stub of one method, indented."""
    return _function(name, f, _KNOWN - {"os", "PathLike", "TextIO", "_T", "TracebackType"}, "    ")


def members(cls: type, known: set[str], text: str = "", special: bool = False) -> str:
    """What a class itself has and the text of its stub lacks: methods, properties, values, attributes set in `__init__`."""
    names = {n: m for n, m in vars(cls).items() if (n in _SPECIAL and special) or not n.startswith("_")}
    fields = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    out = [
        _member(n, m, known)
        for n, m in names.items()
        if n not in fields and not re.search(rf"(?m)^    (def )?{n}\b", text)
    ]
    made = {
        n: t for n, t in _made(cls).items() if n not in vars(cls) and not re.search(rf"(?m)^    (def )?{n}\b", text)
    }
    return "".join([*(f"    {n}: {_type(t, known)}\n" for n, t in made.items()), *out])


def _made(cls: type) -> dict[str, str]:
    """Public attributes that a class's own `__init__` sets, with their annotations."""
    if "__init__" not in vars(cls) or dataclasses.is_dataclass(cls):
        return {}
    tree, out = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__))), {}  # type: ignore[misc]
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            out[_attribute(node.target)] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for each in target.elts if isinstance(target, ast.Tuple) else [target]:
                    out.setdefault(_attribute(each), "Any")
    return {n: t for n, t in out.items() if n and not n.startswith("_")}


def _attribute(node: ast.expr) -> str:
    """`x` of `self.x`, else nothing."""
    return node.attr if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self" else ""


def _type(annotation: Any, known: set[str]) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")
    text = re.sub(r"\bT\b", "_T", text)
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    return text if annotation is not inspect.Parameter.empty and words <= known else "Any"


def _function(name: str, f: Any, known: set[str], pad: str = "", own: bool = True) -> str:
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
        given = "" if pad and own and i == 0 else f": {_type(p.annotation, known)}"
        parts.append(f"{star}{p.name}{given}" + ("" if p.default is p.empty else " = ..."))
    returns = "None" if name == "__init__" else _type(signature.return_annotation, known)
    return f"{pad}def {name}({', '.join(parts)}) -> {returns}: ...\n"


def _member(name: str, member: Any, known: set[str]) -> str:
    if isinstance(member, (staticmethod, classmethod)):
        kind = "staticmethod" if isinstance(member, staticmethod) else "classmethod"
        return f"    @{kind}\n" + _function(name, member.__func__, known, "    ", kind == "classmethod")
    if isinstance(member, property):
        given = _type(inspect.signature(member.fget).return_annotation, known)  # type: ignore[arg-type]
        out = f"    @property\n    def {name}(self) -> {given}: ...\n"
        return out + (f"    @{name}.setter\n    def {name}(self, value: Any) -> None: ...\n" if member.fset else "")
    return _function(name, member, known, "    ") if inspect.isfunction(member) else f"    {name}: Any\n"


def _item(name: str, value: Any, known: set[str]) -> str:
    if not inspect.isclass(value):
        return _function(name, value, known) if callable(value) else f"{name}: Any\n"
    body = members(value, known, special=True)
    if not dataclasses.is_dataclass(value):
        return f"class {name}:\n{body}"
    fields = "".join(
        f"    {f.name}: {_type(f.type, known)}" + ("\n" if f.default is dataclasses.MISSING else " = ...\n")
        for f in dataclasses.fields(value)
    )
    body = re.sub(r"(?m)^    def __init__.*\n", "", body)  # the decorator makes it
    return f"@dataclass(frozen={value.__dataclass_params__.frozen})\nclass {name}:\n{fields}{body}"  # type: ignore[attr-defined]
