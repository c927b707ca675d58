"""The two views of one signature: standard typing (mypy, pyright, ty) and pyrefly's shape arithmetic.

Shapes are written once, as words: `*B M K` is any leading dims, then two variables; `S` is a whole shape; digits are literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["HEADER", "QUIET", "PF", "STD", "View"]

HEADER = '"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""\n'
QUIET = (
    '# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"\n'
    "# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false\n# ruff: noqa\n"
)

# what pyrefly's view declares a variable to be, by name
_KINDS = {
    **dict.fromkeys((f"{c}{i}" for c in "LMNZ" for i in range(6)), "IntVar"),
    **dict.fromkeys("KMNBCHWIOGPR", "IntVar"),
    **dict.fromkeys(("KH", "KW", "OH", "OW", "PH", "PW", "SH", "SW", "DH", "DW", "St", "P", "Dl", "Gr"), "IntVar"),
    **dict.fromkeys(("Bs", "S", "S2", "S3"), "IntTuple"),
    "E": "DType", "E2": "DType", "EF": "_Float", "EN": "_Number", "EL": "_Logical", "EI": "_Int",
    "D": "Device", "D2": "Device", **dict.fromkeys(("T", "Tp", *(f"T{i}" for i in range(9))), "TapeState"),
    "A": "Flag[int]", "AX": "Flag[int | tuple[int, ...] | None]",
}  # fmt: skip


class View:
    """How signatures are spelled for one family of checkers."""

    def __init__(self, name: str) -> None:
        self.name, self.std = name, name == "std"

    def shape(self, dims: str) -> str:
        """`*B M 3` as `tuple[*Bs, M, Literal[3]]` or `[*Bs, M, 3]`."""
        if dims in ("S", "S2", "Any"):
            return dims
        words = dims.split()
        if self.std:
            each = ["*Bs" if w == "*B" else f"Literal[{w}]" if re.fullmatch(r"-?\d+", w) else w for w in words]
            return f"tuple[{', '.join(each) or '()'}]"
        return f"[{', '.join('*Bs' if w == '*B' else 'Any' if w == 'int' else w for w in words)}]"

    def tensor(self, dims: str, e: str = "E", d: str = "D", t: str = "Tp") -> str:
        """A tensor type."""
        return f"Tensor[{self.shape(dims)}, {e}, {d}, {t}]"

    def function(
        self, name: str, params: str, returns: str, bound: Iterable[str] = (), many: bool = False, indent: int = 0,
        prefix: str = "", suffix: str = "",
    ) -> str:  # fmt: skip
        """A `def` line; `bound` are the variables of the class around it, `many` makes it one of several overloads."""
        variables = ""
        if not self.std:
            found = dict.fromkeys(re.findall(r"\b[A-Z][A-Za-z]?\d?\b", f"{params} {returns}"))
            free = [f"{v}: {_KINDS[v]}" for v in found if v in _KINDS and v not in bound]
            variables = f"[{', '.join(free)}]" if free else ""
        pad = " " * indent
        lines = [f"{pad}@overload"] if many else []
        lines += [f"{pad}{prefix}"] if prefix else []
        return "\n".join([*lines, f"{pad}def {name}{variables}({params}) -> {returns}: ...{suffix}", ""])


STD, PF = View("std"), View("pf")
