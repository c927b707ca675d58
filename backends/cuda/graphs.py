"""Captured steps as CUDA graphs: runs of launches that need no new numbers become one launch each.

A graph reads and writes fixed addresses. Inputs that come at another address each time are copied to where the graph reads; what
it makes lies in a pool of its own, and results that leave the step are copies.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

import cupy

from ...core.contract import Launch, Slot
from ..clike.array import Array

__all__ = ["Graphed", "replay"]

Values = dict[int, Array]
_MOST_CAPTURES = 4  # of one part: where addresses never settle, its launches go one by one


class _Step(NamedTuple):
    """A launch, and the values that nothing reads after it."""

    launch: Launch
    dead: tuple[int, ...]

    @property
    def anew(self) -> bool:
        return any(isinstance(n, Slot) for n in self.launch.numbers)


def replay(engine: Any, launches: Sequence[Launch], given: tuple[int, ...], wanted: tuple[int, ...]) -> Callable[[Any, Any], Any]:  # fmt: skip
    """What `dfdx.capture` calls with (the given arrays, new numbers)."""
    parts = [
        _OneByOne(steps) if anew or len(steps) == 1 else Graphed(engine, steps)
        for anew, steps in ((anew, list(run)) for anew, run in groupby(_steps(launches, wanted), lambda s: s.anew))
    ]
    graphs = [p for p in parts if isinstance(p, Graphed)]
    lock = threading.Lock()  # a graph's memory serves one call at a time

    def run(arrays: Sequence[Array], numbers: Sequence[Any]) -> list[Array]:
        engine.enter()
        with lock:
            values = dict(zip(given, arrays, strict=True))
            for part in parts:
                part(values, numbers)
            return [_leaving(engine, values[v], graphs) for v in wanted]

    return run


def _steps(launches: Sequence[Launch], wanted: tuple[int, ...]) -> list[_Step]:
    last = {v: i for i, x in enumerate(launches) for v in (*x.inputs, *x.outputs)}
    kept = set(wanted)
    return [
        _Step(x, tuple([v for v in {*x.inputs, *x.outputs} if last[v] == i and v not in kept]))
        for i, x in enumerate(launches)
    ]


def _leaving(engine: Any, a: Array, graphs: Sequence[Graphed]) -> Array:
    return engine.copier.copy(a) if any(id(a.buffer) in g.own for g in graphs) else a  # type: ignore[no-any-return]


class _OneByOne:
    """Launches as they are."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self.steps = steps

    def __call__(self, values: Values, numbers: Any) -> None:
        for x, dead in self.steps:
            x.run(values, numbers)
            for v in dead:
                del values[v]


class Graphed(_OneByOne):
    """Launches as a graph, captured at the second call: the first shows which inputs stay where they are."""

    def __init__(self, engine: Any, steps: Sequence[_Step]) -> None:
        super().__init__(steps)
        launches = [s.launch for s in steps]
        made = {v for x in launches for v in x.outputs}
        self.engine = engine
        self.inputs = sorted({v for x in launches for v in x.inputs} - made)
        self.written = {x.inputs[i] for x in launches for i in x.attrs.get("inplace", ()) if i is not None}
        self.moving: dict[int, Array] = {}  # inputs that change their address, by where the graph reads them
        self.at: list[Any] = []  # of the other inputs
        self.graph: Any = None
        self.pool: Any = None
        self.captures = 0
        self.made: Values = {}  # what is read after the graph
        self.own: set[int] = set()  # ids of the buffers that belong to the graph

    def __call__(self, values: Values, numbers: Any) -> None:
        if not self._ready(values):
            super().__call__(values, numbers)
            return
        for v, place in self.moving.items():
            self.engine.copier.into(values[v], place)
        self.graph.launch()
        values.update(self.made)

    def _ready(self, values: Values) -> bool:
        """Whether there is a graph for inputs that lie where these do, if need be after capturing one."""
        if self.captures > _MOST_CAPTURES:
            return False
        at = self._addresses(values)
        if at != self.at:
            first, self.graph = not self.at, None
            self.captures += 1
            self._follow(at, values)
            self.at = self._addresses(values)
            if first or self.captures > _MOST_CAPTURES:
                return False
        if self.graph is None:
            try:
                self._capture(values)
            except Exception as e:  # nothing ran: the launches were only taken down
                self.captures = _MOST_CAPTURES + 1
                warnings.warn(f"[capture] no CUDA graph, launches go one by one: {e}", RuntimeWarning, stacklevel=2)
                return False
        return True

    def _addresses(self, values: Values) -> list[Any]:
        return [None if v in self.moving else _address(values[v]) for v in self.inputs]

    def _follow(self, at: list[Any], values: Values) -> None:
        """Inputs that moved become moving ones; what is overwritten must be so in its own place."""
        for v, old, new in zip(self.inputs, self.at, at):
            if old != new and v not in self.written:
                self.moving[v] = self.engine.empty(values[v].shape, values[v].dtype)

    def _capture(self, values: Values) -> None:
        """Run the launches on a stream that only takes them down, with memory that nothing else will use."""
        inside: Values = {v: self.moving.get(v, values[v]) for v in self.inputs}
        outside = {id(values[v].buffer) for v in self.inputs if v not in self.moving}
        self.pool = cupy.cuda.MemoryPool()
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream, self.engine.allocating_from(self.pool):
            stream.begin_capture()
            try:
                super().__call__(inside, ())
            except BaseException:
                with suppress(Exception):
                    stream.end_capture()
                raise
            self.graph = stream.end_capture()
        self.made = {v: a for v, a in inside.items() if v not in self.inputs}
        self.own = {id(a.buffer) for a in (*self.made.values(), *self.moving.values())} - outside
        self.engine.graphs.add(self)


def _address(a: Array) -> tuple[Any, ...]:
    return a.buffer.ptr, a.offset, a.strides
