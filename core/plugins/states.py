"""What became of each plugin, and why."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from typing import Any

from ..tables import html_table, text_table
from .info import DeviceInfo

__all__ = ["Record", "Records", "State", "error_text"]


class State(StrEnum):
    """What became of a plugin."""

    FOUND = "found"
    BLOCKED = "blocked"
    SHADOWED = "shadowed"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    PARTIAL = "partial"
    READY = "ready"

    @property
    def usable(self) -> bool:
        return self in (State.READY, State.PARTIAL)


@dataclass
class Record:
    """One entry point: where it comes from, its state, and why."""

    name: str
    dist: str
    version: str
    entry: metadata.EntryPoint
    state: State = State.FOUND
    reason: str = ""
    hint: str = ""
    trace: str = ""
    plugin: Any = None
    devices: list[DeviceInfo] = field(default_factory=list)

    @property
    def package(self) -> str:
        """The distribution and its version."""
        return f"{self.dist} {self.version}"

    @property
    def origin(self) -> tuple[str, str, str]:
        """What makes it the same entry point when the distributions are looked at again."""
        return self.dist, self.entry.group, self.entry.value

    def set(self, state: State, reason: str = "", hint: str = "", error: BaseException | None = None) -> None:
        """Take a state, with its reason, what to do, and the error's whole traceback."""
        self.state, self.reason, self.hint = state, reason, hint
        self.trace = "".join(traceback.format_exception(error)) if error else ""

    def as_dict(self) -> dict[str, Any]:
        """For `devices --json`."""
        return {
            "name": self.name, "state": str(self.state), "reason": self.reason, "hint": self.hint, "package": self.package,
            "devices": [vars(d) for d in self.devices],
        }  # fmt: skip


def error_text(error: BaseException) -> str:
    """`Type: message` in one line, also of an error whose message cannot be had."""
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {'; '.join(lines)}" if lines else type(error).__name__
    except Exception as e:
        return f"{type(error).__name__}: (its message raises {type(e).__name__})"


class Records(list[Record]):
    """Entry points as rows of a table."""

    header = ("device", "state", "package", "reason", "hint")

    def _cells(self) -> list[tuple[str, ...]]:
        return [(r.name, r.state, r.package, r.reason, r.hint) for r in self]

    def __repr__(self) -> str:
        return text_table(self._cells(), self.header)

    def _repr_html_(self) -> str:
        return html_table(self._cells(), self.header)
