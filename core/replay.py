"""From a recording to a function: what a captured step does when it is called again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .cell import Cell, Empty, ViewCell
from .launches import Launch, Slot
from .recorder import Number, Recorder, Step
from .simplify import simplify
from .straight import Frame, Writer, compiled
from .tensor import Tensor, next_id, next_serial

__all__ = ["Replay", "build"]


class Replay(NamedTuple):
    """`run` takes the tensor arguments and returns what the step returned; `fits` says whether gradients are as they were."""

    run: Callable[..., Any]
    fits: Callable[[], bool]


def build(recorder: Recorder, tensors: list[Tensor], result: Any, name: str) -> Replay | str:
    """The replay of a recorded step, or the reason why there is none."""
    b = _Builder(recorder, tensors)
    shown = b.result(result)
    b.gradients()
    written = {id(cell) for cell, _, _ in recorder.writes}
    if any(isinstance(t._cell, ViewCell) and id(t._cell.root) in written for t in tensors):
        b.reason = b.reason or "an argument is a view of what the step writes to"
    reason = recorder.reason or b.reason
    if reason:
        return reason
    return Replay(b.compile(shown, name), b.guard())


class _Builder:
    def __init__(self, recorder: Recorder, tensors: list[Tensor]) -> None:
        self.r, self.tensors = recorder, tensors
        self.reason = ""
        self.env: dict[str, Any] = {
            "serial": next_serial,
            "next_id": next_id,
            "new": object.__new__,
            "Cell": Cell,
            "Tensor": Tensor,
        }
        self.n_fresh = 0
        self.held: set[int] = set()  # values that outlive the step
        self.after: list[str] = []  # lines once all has run
        self.cell_names: dict[int, str] = {}
        for i, t in enumerate(tensors):
            self.cell_names.setdefault(id(t._cell), f"t{i}._cell")

    # ----- what the step leaves

    def value(self, v: int) -> str:
        self.held.add(v)
        return f"v{v}"

    def constant(self, thing: Any) -> str:
        name = f"o{len(self.env)}"
        self.env[name] = thing
        return name

    def cell(self, cell: Any) -> str:
        """How the text spells a cell."""
        found = self.cell_names.get(id(cell))
        if found is None:
            where = self.r.gradient_of(cell)
            if where is None:
                found = self.constant(cell)
            else:
                grads, id_ = where
                found = f"{self.constant(grads)}._store[{id_}]._cell"
            self.cell_names[id(cell)] = found
        return found

    def result(self, value: Any) -> str:
        """An expression that makes what the step returned, anew."""
        if isinstance(value, Tensor):
            return self._tensor(value)
        if type(value) in (tuple, list):
            inner = "".join(f"{self.result(v)}, " for v in value)
            return f"({inner})" if type(value) is tuple else f"[{inner}]"
        if type(value) is dict:
            return "{" + "".join(f"{self.constant(k)}: {self.result(v)}, " for k, v in value.items()) + "}"
        return self.constant(value)

    def _tensor(self, t: Tensor) -> str:
        for i, given in enumerate(self.tensors):
            if t._cell is given._cell:
                return f"t{i}" if t is given else f"t{i}.detach()"
        if t._tape is not None:
            self.reason = self.reason or "the step returns a value that owns a tape: detach() it"
        if isinstance(t._cell.array, Empty):
            return self.constant(t)
        if id(t._cell) in self.r.outside or not self.r.knows(
            t._cell.array
        ):  # the handle of something that was there before
            return self.constant(t)
        v = self.r.number(t._cell.array)
        return self._fresh(t, v)

    def _fresh(self, t: Tensor, v: int) -> str:
        """Lines that make a result under a new id: `wrap`, written out; one that was recorded says who took its tape."""
        self.n_fresh += 1
        r, c = f"r{self.n_fresh}", f"c{self.n_fresh}"
        lines = [
            f"{c} = new(Cell)",
            f"{c}.array, {c}.version = {self.value(v)}, 0",
            f"{r} = new(Tensor)",
            f"{r}._cell, {r}._type, {r}.device = {c}, {self.constant(t._type)}, {self.constant(t.device)}",
            f"{r}._tape = {r}._view = None",
            f"{r}.id = {r}._serial = serial()" if t._serial is not None else f"{r}.id, {r}._serial = next_id(), None",
        ]
        if t._serial is not None:
            lines.append(f"{r}._taker = {self.constant(getattr(t, '_taker', None))}")
        self.after += lines
        return r

    def gradients(self) -> None:
        """Lines that leave every `Gradients` as the step did."""
        for grads, start in self.r.touched:
            name = self.constant(grads)
            for id_, (tensor, owned) in start.items():
                now = grads._store.get(id_)
                if now is not tensor and now is None:
                    self.after.append(f"{name}._store.pop({id_}, None)")
                if owned and id_ not in grads._owned:
                    self.after.append(f"{name}._owned.discard({id_})")
            for id_, tensor in grads._store.items():
                former = start.get(id_)
                if former is None or former[0] is not tensor:
                    if tensor._tape is not None:
                        self.reason = self.reason or "a gradient owns a tape (backward(retrace=True))"
                    self.after.append(f"{name}._store[{id_}] = {self._tensor(tensor)}")
                if id_ in grads._owned and not (former and former[1]):
                    self.after.append(f"{name}._owned.add({id_})")

    def writes(self) -> None:
        """Lines that put new values into cells, the last write of each."""
        last = {id(cell): (cell, v, writer) for cell, v, writer in self.r.writes}
        lines = []
        for cell, v, writer in last.values():
            if id(cell) in self.r.outside:
                name = self.cell(cell)
                lines.append(f"{name}.array, {name}.version, {name}.writer = {self.value(v)}, version, {writer!r}")
        if lines:
            self.after = ["version = serial()", *lines, *self.after]

    # ----- the text

    def compile(self, shown: str, name: str) -> Callable[..., Any]:
        self.writes()
        steps, constants = simplify(self.r, self.held)
        used = {v for s in steps for v in s.inputs} | self.held
        before = []
        for k, (make, count) in enumerate(self.r.groups):
            before.append(f"{''.join(f'n{k}_{i}, ' for i in range(count))} = {self.constant(make)}()")
        before += [f"v{i} = t{i}._cell.array" for i in range(self.r.n_arguments) if i in used]
        before += [f"v{v} = {self.cell(cell)}.array" for v, cell in self.r.cells.items() if v in used]
        self.env.update({f"v{v}": array for v, array in constants.items()})
        body = self._by_backend(steps, used) or self._by_python(steps, constants)
        params = ", ".join(f"t{i}" for i in range(len(self.tensors)))
        lines = "".join(f"    {line}\n" for line in (*before, *body, *self.after, f"return {shown}"))
        return compiled(f"def run({params}):\n{lines}", self.env, f"captured {name}")

    def _by_python(self, steps: list[Step], constants: dict[int, Any]) -> list[str]:
        frame = Frame()
        Writer(frame, {}, {*self.held, *constants}, lambda source, i: f"n{source}_{i}").write(steps)
        self.env.update(frame.env)
        return frame.lines

    def _by_backend(self, steps: list[Step], used: set[int]) -> list[str] | None:
        """One call of what the device's own `replay` makes of the steps; None where it has none, or declines."""
        make = getattr(self.tensors[0].device.runtime, "replay", None) if self.tensors else None
        if make is None or not steps:
            return None
        numbers = [f"n{k}_{i}" for k, (_, count) in enumerate(self.r.groups) for i in range(count)]
        made = {v for s in steps for v in s.outputs}
        given, wanted = sorted(used - made), sorted(self.held & made)
        run = make([_launch(s, numbers) for s in steps], tuple(given), tuple(wanted))
        if run is None:
            return None
        outs, arrays = "".join(f"v{v}, " for v in wanted), "".join(f"v{v}, " for v in given)
        call = f"{self.constant(run)}(({arrays}), ({''.join(f'{n}, ' for n in numbers)}))"
        return [f"{outs} = {call}" if wanted else call]

    def guard(self) -> Callable[[], bool]:
        """Whether the gradients hold what they held when the step was recorded."""
        wanted = [(grads, {id_: owned for id_, (_, owned) in start.items()}) for grads, start in self.r.touched]
        if len(wanted) == 1 and not wanted[0][1]:
            grads = wanted[0][0]
            return lambda: not grads._arrays and not grads._store

        def fits() -> bool:
            return all(
                grads._tensors().keys() == state.keys() and all(grads.owns(i) is owned for i, owned in state.items())
                for grads, state in wanted
            )

        return fits


def _launch(step: Step, numbers: list[str]) -> Launch:
    scalars = [Slot(numbers.index(f"n{s.source}_{s.index}")) if isinstance(s, Number) else s for s in step.scalars]
    return Launch(
        step.plan.spec.name, step.plan.kernel, step.plan.attrs, step.inputs, tuple(scalars), step.outputs,
        step.plan.type is None,
    )  # fmt: skip
