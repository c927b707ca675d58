"""Where the time goes: every kernel launch inside a `with` block, by op."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple

from ..core.device import opened_backends
from ..core.door import set_watcher
from ..core.tables import html_table, text_table

__all__ = ["Launch", "Profile", "profile"]

HEADER = ("op", "calls", "ms", "share", "us/call", "MB", "GB/s")


class Launch(NamedTuple):
    """One kernel launch: start and duration in nanoseconds, and the bytes of its inputs and outputs."""

    op: str
    types: str
    start: int
    duration: int
    nbytes: int


def profile() -> Profile:
    """Watch every kernel launch (forward, backward, update) inside a `with` block; printing the result shows it.

    Devices are synchronized after each launch, so that a launch owns its time; what Python does between launches is
    the difference between `seconds` and the sum of the rows. Profiles nest.

    >>> import dfdx
    >>> x = dfdx.device("cpu").ones((64, 64))
    >>> with dfdx.profile() as p:
    ...     y = (x + x).exp()
    >>> sorted(row["op"] for row in p.rows())
    ['add', 'exp']
    """
    return Profile()


class Profile:
    """What `dfdx.profile()` gives: launches in order, and tables of them."""

    __module__ = "dfdx"

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.seconds = 0.0

    def __enter__(self) -> Profile:
        self._start = perf_counter_ns()
        self._outer = set_watcher(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        set_watcher(self._outer)
        self.seconds += (perf_counter_ns() - self._start) * 1e-9

    def _watch(self, plan: Any, inputs: tuple[Any, ...]) -> Any:
        start = perf_counter_ns()
        out = plan.kernel(*inputs) if self._outer is None else self._outer(plan, inputs)
        for backend in opened_backends():
            backend.primitive("synchronize")()
        types = (*plan.inputs, *plan.outputs)
        nbytes = sum(t.numel * t.dtype.itemsize for t in types)
        text = f"{', '.join(map(repr, plan.inputs))} -> {', '.join(map(repr, plan.outputs))}"
        self.launches.append(Launch(plan.spec.name, text, start, perf_counter_ns() - start, nbytes))
        return out

    def rows(self) -> list[dict[str, Any]]:
        """One row per op, the slowest first: `op`, `calls`, `seconds`, `share` of all launches' time, `bytes`."""
        total = sum(each.duration for each in self.launches) or 1
        found: dict[str, dict[str, Any]] = {}
        for each in self.launches:
            row = found.setdefault(each.op, {"op": each.op, "calls": 0, "seconds": 0.0, "share": 0.0, "bytes": 0})
            row["calls"] += 1
            row["seconds"] += each.duration * 1e-9
            row["share"] += each.duration / total
            row["bytes"] += each.nbytes
        return sorted(found.values(), key=lambda r: -r["seconds"])

    def chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the launches as a trace that chrome://tracing and Perfetto open. Source: the Trace Event Format."""
        events = [
            {"name": e.op, "ph": "X", "ts": (e.start - self._start) / 1e3, "dur": e.duration / 1e3, "pid": 0, "tid": 0}
            | {"cat": "kernel", "args": {"types": e.types, "bytes": e.nbytes}}
            for e in self.launches
        ]
        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}), encoding="utf-8")

    def _cells(self) -> list[tuple[str, ...]]:
        """The rows as text."""
        return [
            (
                r["op"], f"{r['calls']:,}", f"{r['seconds'] * 1e3:.3f}", f"{r['share']:.1%}", f"{r['seconds'] * 1e6 / r['calls']:.2f}",
                f"{r['bytes'] / 1e6:.3g}", f"{r['bytes'] / (r['seconds'] or 1e-9) / 1e9:.3g}",
            )
            for r in self.rows()
        ]  # fmt: skip

    def _total(self) -> str:
        inside = sum(e.duration for e in self.launches) * 1e-6
        return f"{len(self.launches):,} launches, {inside:.3f} ms of {self.seconds * 1e3:.3f} ms"

    def __repr__(self) -> str:
        return f"{text_table(self._cells(), HEADER, numbers=True)}\n{self._total()}"

    def _repr_html_(self) -> str:
        return f"{html_table(self._cells(), HEADER)}<p>{self._total()}</p>"
