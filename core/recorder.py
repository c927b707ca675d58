"""A recorder: kernel launches, and which value of one is an operand of another, as straight-line Python.

Values are arrays, told apart by identity as long as they live; an array that a kernel overwrote is a new value. Only those that
may turn out to be constants are kept alive, so that recording a step needs no more memory than the step.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .cell import Empty, ViewCell
from .door import recorders, refuse, set_watcher
from .plan import Plan

__all__ = ["Number", "Recorder", "Step", "runtime"]


class Step(NamedTuple):
    """A launch: value numbers in and out, and the numbers that follow the arrays."""

    plan: Plan
    inputs: tuple[int, ...]
    scalars: tuple[Any, ...]
    outputs: tuple[int, ...]


class Number:
    """A Python number that a replay makes anew: the `index`-th of the `source`-th group."""

    source: int
    index: int


class RuntimeFloat(float, Number):
    """A marked float."""


class RuntimeInt(int, Number):
    """A marked int."""


def _frozen(name: str) -> Any:
    """An operator that gives a plain number, which a replay could not make anew."""

    def operator(self: Any, *others: Any) -> Any:
        refuse("the step computes with a learning rate or a random counter, which change from call to call")
        return getattr(type(self).__mro__[1], name)(self, *others)

    return operator


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "pow", "neg", "lt", "le", "gt", "ge"):  # fmt: skip
    for _class in (RuntimeFloat, RuntimeInt):
        setattr(_class, f"__{_name}__", _frozen(f"__{_name}__"))


def runtime(value: Any, source: int, index: int) -> Any:
    """`value`, marked."""
    marked: Any = RuntimeFloat(value) if isinstance(value, float) else RuntimeInt(value)
    marked.source, marked.index = source, index
    return marked


def plain_number(value: Any) -> Any:
    """A number without its mark."""
    return float(value) if type(value) is RuntimeFloat else int(value) if type(value) is RuntimeInt else value


class Recorder:
    """Watches the launches of this thread inside a `with` block."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.groups: list[tuple[Callable[[], tuple[Any, ...]], int]] = []  # what makes the marked numbers, and how many
        self.reason = ""
        self.writes: list[tuple[Any, int, str]] = []  # (cell, value number, writer), in order
        self.touched: list[tuple[Any, dict[int, tuple[Any, bool]]]] = []  # Gradients, and what they held
        self.outside: set[int] = set()  # ids of cells that were there before the step
        self.n_arguments = 0
        self.cells: dict[int, Any] = {}  # value number -> the cell that held it before anything ran
        self.n_values = 0
        self.arrays: dict[int, Any] = {}  # values that depend on no argument, cell or marked number
        self._numbers: dict[int, int] = {}  # id of a living array -> its value number
        self._alive: list[Any] = []  # what tells of their ends: weak references, or arrays that have none
        self._thread = threading.get_ident()

    def __enter__(self) -> Recorder:
        self._former = set_watcher(self._watch)
        recorders.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        recorders.remove(self)
        set_watcher(self._former)

    @property
    def here(self) -> bool:
        return threading.get_ident() == self._thread

    # ----- what core tells

    def refuse(self, reason: str) -> None:
        """Remember why this cannot be replayed; the first reason counts."""
        if self.here:
            self.reason = self.reason or reason

    def numbers(self, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """`make()`, its numbers marked."""
        if not self.here:
            return make()
        values = make()
        self.groups.append((make, len(values)))
        return tuple([runtime(v, len(self.groups) - 1, i) for i, v in enumerate(values)])

    def seen(self, cells: Iterable[Any]) -> None:
        """The cells that the inputs of the next launch came from."""
        if self.here:
            for cell in cells:
                array = cell.array
                if id(array) not in self._numbers and not isinstance(array, Empty):
                    self.outside.add(id(cell))
                    if isinstance(cell, ViewCell):
                        self._view(cell, array)
                    else:
                        self.cells[self.add(array)] = cell

    def _view(self, cell: ViewCell, array: Any) -> None:
        """A view from before the step: a replay makes it anew, and so knows whose memory it is."""
        self.seen((cell.source,))
        if id(array) not in self._numbers:
            source = self.number(cell.source.array)
            self.steps.append(Step(cell.plan, (source,), (), (self.add(array),)))

    def wrote(self, cell: Any, former: Any, writer: str) -> None:
        """A cell got a new value; `former` is the array it held."""
        if self.here:
            if id(former) not in self._numbers:
                self.outside.add(id(cell))
            self.writes.append((cell, self.number(cell.array), writer))

    def touch(self, grads: Any) -> None:
        """A `Gradients` is about to be read or changed: remember what it held first."""
        if self.here and not any(grads is g for g, _ in self.touched):
            start: dict[int, tuple[Any, bool]] = {}
            self.touched.append((grads, start))
            for id_, t in grads._tensors().items():
                start[id_] = (t, id_ in grads._owned)
                self.seen((t._cell,))

    def gradient_of(self, cell: Any) -> tuple[Any, int] | None:
        """(the Gradients, the id) under which a cell was stored when the step began."""
        for grads, start in self.touched:
            for id_, (t, _) in start.items():
                if t._cell is cell:
                    return grads, id_
        return None

    def arguments(self, tensors: Iterable[Any]) -> None:
        """The first values: what the step is called with."""
        for t in tensors:
            self.add(t._cell.array)
            self.outside.add(id(t._cell))
        self.n_arguments = self.n_values

    def _watch(self, plan: Plan, inputs: tuple[Any, ...]) -> Any:
        n = len(plan.inputs)
        plain = (*inputs[:n], *[plain_number(s) for s in inputs[n:]])
        value = plan.kernel(*plain) if self._former is None else self._former(plan, plain)
        if self.here:
            known = tuple([self.number(a) for a in inputs[:n]])
            outs = (value,) if plan.type is not None else tuple(value)
            made = tuple([self.add(a) for a in outs])
            self.steps.append(Step(plan, known, inputs[n:], made))
            if all(v in self.arrays for v in known) and not any(isinstance(s, Number) for s in inputs[n:]):
                self.arrays.update(zip(made, outs))
        return value

    # ----- values

    def add(self, array: Any) -> int:
        """A new value."""
        v, key, numbers = self.n_values, id(array), self._numbers
        self.n_values += 1
        numbers[key] = v

        def ended(_: Any) -> None:  # another array may get this id
            if numbers.get(key) == v:
                del numbers[key]

        try:
            self._alive.append(weakref.ref(array, ended))
        except TypeError:
            self._alive.append(array)
        return v

    def knows(self, array: Any) -> bool:
        """Whether an array is a value of this recording."""
        return id(array) in self._numbers

    def number(self, array: Any) -> int:
        """The number of a value; an unknown array is a reason to refuse."""
        found = self._numbers.get(id(array))
        if found is None:
            if not isinstance(array, Empty):
                self.refuse("an array entered by a way that core does not know")
            found = self.add(array)
        return found
