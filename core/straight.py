"""Recorded launches as the text of a Python function: locals only, each value dropped after its last use."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from .recorder import Number, Step

__all__ = ["Frame", "Writer", "compiled", "dropping"]

_serial = count(1).__next__


def compiled(text: str, env: dict[str, Any], name: str) -> Callable[..., Any]:
    """The function `run` of a generated module; tracebacks show its text."""
    label = f"<{name} {_serial()}>"
    linecache.cache[label] = (len(text), None, text.splitlines(True), label)
    exec(compile(text, label, "exec"), env)
    run: Any = env["run"]
    run.source = text
    return run  # type: ignore[no-any-return]


def dropping(lines: Iterable[tuple[str, Iterable[str]]], kept: Iterable[str]) -> list[str]:
    """The lines, each given with the names of the values that it reads or makes; what is not kept is dropped after its last use.

    A line may itself be such a drop.
    """
    known, out = set(kept), []
    for line, names in reversed(list(lines)):
        dead = set(names) - known
        if dead and not line.startswith("del "):
            out.append(f"del {', '.join(sorted(dead))}")
        known |= dead
        out.append(line)
    return out[::-1]


class Frame:
    """Lines under way, and the constants that they name."""

    def __init__(self) -> None:
        self.env: dict[str, Any] = {}
        self.lines: list[str] = []
        self._constants: dict[int, str] = {}

    def constant(self, value: Any) -> str:
        """A frozen object under a name of the text's own."""
        name = self._constants.setdefault(id(value), f"k{len(self._constants)}")
        self.env[name] = value
        return name


class Writer:
    """Writes steps as lines of a frame.

    * `names`: how the text spells values, where it is not v and their number.
    * `numbers`: how it spells a marked number, given (source, index).
    * `held`: values that live on after the last step.
    """

    def __init__(
        self, frame: Frame, names: dict[int, str], held: Iterable[int], numbers: Callable[[int, int], str]
    ) -> None:
        self.frame, self.names, self.held, self.number_text = frame, dict(names), set(held), numbers

    def write(self, steps: Sequence[Step]) -> None:
        lines = [(self._line(s), map(self.name, (*s.inputs, *s.outputs))) for s in steps]
        self.frame.lines += dropping(lines, map(self.name, self.held))

    def _line(self, step: Step) -> str:
        args = [self.name(v) for v in step.inputs]
        args += [
            self.number_text(s.source, s.index) if isinstance(s, Number) else self._literal(s) for s in step.scalars
        ]
        outs = ", ".join(map(self.name, step.outputs)) + ("," if step.plan.type is None else "")
        return f"{outs} = {self.frame.constant(step.plan.kernel)}({', '.join(args)})"

    def name(self, v: int) -> str:
        return self.names.get(v, f"v{v}")

    def _literal(self, value: Any) -> str:
        return repr(value) if type(value) in (int, bool) else self.frame.constant(value)
