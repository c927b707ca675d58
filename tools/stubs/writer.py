"""The signatures of one op while they are written."""

from __future__ import annotations

import inspect
import re
from typing import Any

from .text import View

__all__ = ["IN_CLASS", "Writer", "plain_type"]

TAKES = {"float": "EF", "number": "EN", "logical": "EL", "int": "EI", "any": "E", "bool": "bool_"}
IN_CLASS = ("S", "E", "D", "Tp")


class Writer:
    """Signatures of one op, as a method (`own` is "") or as a function (`own` is its first parameter's name)."""

    def __init__(self, view: View, name: str, function: Any, spec: Any, own: str) -> None:
        self.view, self.name, self.function, self.spec, self.own = view, name, function, spec, own
        parameters = list(inspect.signature(function).parameters.values())
        self.first, self.rest = (parameters[0].name if parameters else "x"), parameters[1:]
        self.takes = TAKES.get(getattr(spec, "takes", "any"), "E") if spec is not None else "E"
        self.lines: list[str] = []

    def me(self, dims: str = "S", e: str = "E", t: str = "Tp") -> str:
        """The first parameter."""
        if self.own:
            return f"{self.own}: {self.view.tensor(dims, e, 'D', t)}"
        return "self" if (dims, e, t) == ("S", "E", "Tp") else f"self: {self.view.tensor(dims, e, 'D', t)}"

    def add(self, params: str, returns: str, many: bool = True, name: str = "") -> None:
        bound = () if self.own else IN_CLASS
        self.lines.append(self.view.function(name or self.name, params, returns, bound, many, 0 if self.own else 4))

    def extras(self, skip: tuple[str, ...] = ()) -> str:
        """The parameters after the first as they are, without shapes."""
        out = []
        for p in self.rest:
            if p.name not in skip:
                if p.kind is p.KEYWORD_ONLY and "*" not in out:
                    out.append("*")
                out.append(f"{p.name}: {plain_type(p)}" + ("" if p.default is p.empty else " = ..."))
        return ", ".join(out)

    def text(self) -> str:
        """All overloads; a single one is a plain def."""
        if len(self.lines) == 1:
            return re.sub(r"^ *@overload\n", "", self.lines[0])
        return "".join(self.lines)


def plain_type(p: inspect.Parameter) -> str:
    known = {"int": "int", "float": "float", "bool": "builtins.bool", "str": "str", "int | None": "int | None"}
    return known.get(str(p.annotation), "Any")
