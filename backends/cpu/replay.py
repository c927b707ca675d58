"""Captured steps on the CPU: each run of launches that are machine code becomes one call; NumPy's own stay Python in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from ...core.contract import Launch, Slot, compiled, dropping
from .native.joined import Declined, Joined
from .native.kernel import Guarded, Native, Several, native_of
from .native.layout import usable
from .native.reduce import Chain

__all__ = ["replay"]

_LEAST = 2  # launches that are worth a plan


class _Step(NamedTuple):
    """A launch, and the parts of its kernel where that is machine code."""

    launch: Launch
    native: Native | None


def replay(launches: Sequence[Launch], given: tuple[int, ...], wanted: tuple[int, ...]) -> Callable[..., Any] | None:
    """A function (arrays, numbers) -> arrays, or None where no two launches in a row are machine code."""
    if not usable():
        return None
    steps = _checks_first([_Step(l, native_of(l.kernel)) for l in _without_chains(launches)], given)
    while True:
        runs = _runs(steps)
        try:
            return _program(runs, given, wanted)
        except Declined as e:  # that launch stays Python
            steps = [s._replace(native=None) if s.launch is e.launch else s for s in steps]


def _without_chains(launches: Sequence[Launch]) -> list[Launch]:
    """Reductions of several kernels, and gradients of which each has its kernel, as so many launches."""
    new = count(1 + max(v for l in launches for v in (*l.inputs, *l.outputs)))
    out = []
    for l in _without_several(launches):
        if isinstance(l.kernel, Guarded):
            out += _apart(l, next(new))
            continue
        if not isinstance(l.kernel, Chain):
            out.append(l)
            continue
        values = [*l.inputs, *[next(new) for _ in l.kernel.kernels[1:]], *l.outputs]
        out += [
            l._replace(kernel=k, inputs=(a,), outputs=(b,)) for k, a, b in zip(l.kernel.kernels, values, values[1:])
        ]
    return out


def _apart(l: Launch, checked: int) -> list[Launch]:
    """The check of an argument, which stays Python, and the kernel."""
    at = l.kernel.place  # type: ignore[attr-defined]
    inputs = (*l.inputs[:at], checked, *l.inputs[at + 1 :])
    check = l._replace(name="check", kernel=l.kernel.check, inputs=(l.inputs[at],), outputs=(checked,), attrs={})  # type: ignore[attr-defined]
    return [check, l._replace(kernel=l.kernel.kernel, inputs=inputs)]  # type: ignore[attr-defined]


def _checks_first(steps: list[_Step], given: tuple[int, ...]) -> list[_Step]:
    """Checks of what the step is called with come before anything has run, and part no plan."""
    first = [s for s in steps if s.launch.name == "check" and s.launch.inputs[0] in given]
    return [*first, *[s for s in steps if not any(s is f for f in first)]]


def _without_several(launches: Sequence[Launch]) -> Iterator[Launch]:
    for l in launches:
        if not isinstance(l.kernel, Several):
            yield l
            continue
        for (kernel, places), value in zip(l.kernel.parts, l.outputs, strict=True):
            inputs = tuple([l.inputs[i] for i in places])
            yield l._replace(kernel=kernel, inputs=inputs, outputs=(value,), several=False)


def _runs(steps: list[_Step]) -> list[list[_Step]]:
    """Neighbours that are machine code together, the others and runs too short by themselves."""
    runs: list[list[_Step]] = []
    for step in steps:
        if step.native is not None and runs and runs[-1][-1].native is not None:
            runs[-1].append(step)
        else:
            runs.append([step])
    out = []
    for run in runs:
        enough = sum(s.native is not None and not s.native.code.alias for s in run) >= _LEAST
        out += [run] if enough else [[s] for s in run]
    return out


def _program(runs: list[list[_Step]], given: tuple[int, ...], wanted: tuple[int, ...]) -> Callable[..., Any] | None:
    if all(len(run) == 1 for run in runs):
        return None
    text = _Text(given, wanted)
    views = {s.launch.outputs[0]: s for run in runs for s in run if s.native is not None and s.native.code.alias}
    for i, run in enumerate(runs):
        later = {v for r in runs[i + 1 :] for s in r for v in s.launch.inputs} | set(wanted)
        if len(run) == 1:
            text.launch(run[0].launch)
            continue
        joined = Joined([(s.launch, s.native) for s in (*_views_of(run, views), *run) if s.native is not None], later)
        if len(runs) == 1 and not joined.after and set(joined.results) == set(wanted):
            return joined.kernel(given, wanted)
        text.plan(joined)
    return text.compile()


def _views_of(run: list[_Step], views: dict[int, _Step]) -> list[_Step]:
    """Views that the run reads and that were made before it: it makes its own, since a plan takes only whole arrays."""
    known = {v for s in run for v in s.launch.outputs}
    found: list[_Step] = []

    def look(s: _Step) -> None:
        for v in s.launch.inputs:
            if v in views and v not in known:
                known.add(v)
                look(views[v])
                found.append(views[v])

    for s in run:
        look(s)
    return found


class _Text:
    """The lines of a function that calls plans and kernels in turn."""

    def __init__(self, given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        self.given, self.wanted = given, wanted
        self.env: dict[str, Any] = {}
        self.lines: list[tuple[str, tuple[int, ...], tuple[int, ...], bool]] = []  # text, values read, made, is a view

    def constant(self, thing: Any) -> str:
        name = f"k{len(self.env)}"
        self.env[name] = thing
        return name

    def launch(self, l: Launch) -> None:
        numbers = [f"numbers[{n.place}]" if isinstance(n, Slot) else self.constant(n) for n in l.numbers]
        outs = ", ".join(f"v{v}" for v in l.outputs) + ("," if l.several else "")
        call = f"{self.constant(l.kernel)}({', '.join([*[f'v{v}' for v in l.inputs], *numbers])})"
        native = native_of(l.kernel)
        self.lines.append((f"{outs} = {call}", l.inputs, l.outputs, native is not None and native.code.alias))

    def plan(self, joined: Joined) -> None:
        taken, results = joined.arrays, joined.results
        call = f"{self.constant(joined.kernel(taken, results))}(({_listed(taken)}), numbers)"
        self.lines.append((f"{_listed(results)} = {call}" if results else call, taken, results, False))
        for l in joined.after:
            self.launch(l)

    def compile(self) -> Callable[..., Any]:
        """Each value is dropped after its last use."""
        live, lines = set(self.wanted), []
        for line, reads, makes, is_view in reversed(self.lines):
            if not is_view or not live.isdisjoint(makes):  # a view that nobody reads is not made
                lines.append((line, [f"v{v}" for v in (*reads, *makes)]))
                live.update(reads)
        body = [f"{_listed(self.given)} = arrays"] if self.given else []
        body += dropping(lines[::-1], [f"v{v}" for v in self.wanted])
        body.append(f"return ({_listed(self.wanted)})")
        text = "def run(arrays, numbers):\n" + "".join(f"    {line}\n" for line in body)
        return compiled(text, self.env, "plans of a captured step")


def _listed(values: Sequence[int]) -> str:
    return "".join(f"v{v}, " for v in values)
