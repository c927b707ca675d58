"""How a gradient flows back through one entry of a tape.

A pullback is a function (g, record, pending, shared) on arrays: it adds what the inputs receive to `pending`; g is a tuple for an
op of several results, which have a gradient each. There are
three ways, the best first: the device's own `<op>.backward` kernel; the launches of the op's VJP, recorded once and
replayed as straight-line code; the VJP itself, run as written each time.

`pending` holds the gradients under way by id; `shared` the ids whose array something else holds too, so that a sum must not
overwrite it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .cell import new_cell
from .door import launch, watched
from .entry import Entry
from .expr import arg, map_program
from .plan import Plan, kernel_plan
from .recorder import Recorder, runtime
from .straight import Frame, Writer, compiled
from .tensor import wrap
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device

__all__ = ["Flow", "Names", "adder", "deposit", "make_pullback", "mask_of", "needed_inputs", "run_vjp"]

_VIEWS = {"permute", "broadcast", "reshape", "slice", "contiguous"}


def mask_of(ids: tuple[int, ...], needed: set[int] | None) -> int:
    """A bit for each input whose gradient is needed."""
    n = len(ids)
    if needed is None:
        return (1 << n) - 1
    if n == 1:
        return 1 if ids[0] in needed else 0
    if n == 2:
        a, b = ids
        return (a in needed) | (b in needed) << 1
    return sum([(id in needed) << i for i, id in enumerate(ids)])


def needed_inputs(plan: Plan, mask: int) -> tuple[bool, ...]:
    """Which inputs a bit mask names, integers excepted."""
    return tuple([bool(mask >> i & 1) and f for i, f in enumerate(plan.float_inputs)])


def make_pullback(plan: Plan, mask: int, record: Any, g: Any) -> Callable[..., None]:
    """The pullback for the inputs of `mask`; `record` and `g` are one example, whose launches may be recorded."""
    needs, device = needed_inputs(plan, mask), plan.device
    if not any(needs):
        return _nothing
    if 0 in [t.numel for t in (*plan.inputs, *plan.outputs)]:
        return _as_written(plan, needs)
    fused = fused_plan(plan, needs, device)
    flow = _fused(fused, plan, needs) if fused is not None else _recorded(plan, needs, record, g)
    return _as_written(plan, needs) if flow is None else _function(flow, len(record[4]), len(record[5]))


def _each(g: Any, plan: Plan) -> tuple[Any, ...]:
    """A gradient per output."""
    return g if len(plan.outputs) > 1 else (g,)


def _nothing(*_: Any) -> None:
    """No input needs a gradient."""


# ----- the device's own kernel


def fused_plan(plan: Plan, needs: tuple[bool, ...], device: Device) -> Plan | None:
    """The plan of `<op>.backward`: (g, saved arrays, scalars) to the gradients of the needed inputs."""
    name = f"{plan.spec.name}.backward"
    if len(plan.outputs) != 1 or not device.kernels.candidates(name):
        return None
    types = [plan.outputs[0] if i < 0 else plan.inputs[i] for i in plan.saves]
    sig = Signature((plan.outputs[0], *types), tuple(t for t, need in zip(plan.inputs, needs, strict=True) if need))
    kernel = device.find(name, sig, {**plan.attrs, "needs": needs})
    if kernel is None:
        return None
    fused = kernel_plan(name, kernel, sig, {**plan.attrs, "needs": needs})
    fused.type = None  # it returns a sequence, also of one
    return fused


def _fused(fused: Plan, plan: Plan, needs: tuple[bool, ...]) -> Flow:
    wanted = [i for i, need in enumerate(needs) if need]

    def write(frame: Frame, tag: str, names: Names) -> dict[int, str]:
        parts = {i: f"d{tag}_{i}" for i in wanted}
        args = ", ".join([*names.gs, *names.saved, *names.scalars])
        frame.lines.append(f"{', '.join(parts.values())}, = {frame.constant(fused.kernel)}({args})")
        return parts

    return Flow(plan, write, frozenset(wanted))


# ----- the launches of the VJP


def _recorded(plan: Plan, needs: tuple[bool, ...], record: Any, g: Any) -> Flow | None:
    """The VJP's launches as straight-line code; None where they do not tell the whole."""
    serial, _, ids, out_ids, saved, scalars = record
    saved_types = [plan.outputs[0] if i < 0 else plan.inputs[i] for i in plan.saves]
    arrays = _apart([*_each(g, plan), *[c.array for c in saved]], [*plan.outputs, *saved_types], plan.device)
    gs, saved = arrays[: len(plan.outputs)], tuple([new_cell(a) for a in arrays[len(plan.outputs) :]])
    recorder = Recorder()
    marked = tuple([runtime(s, 0, i) if isinstance(s, (int, float)) else s for i, s in enumerate(scalars)])
    example = (serial, plan, ids, out_ids, saved, marked)
    entry = Entry(example, plan.device, None)
    with recorder:
        given, kept = [recorder.add(a) for a in gs], [recorder.add(c.array) for c in saved]
        tensors = tuple([wrap(new_cell(a), t, plan.device) for a, t in zip(gs, plan.outputs)])
        parts = plan.spec.vjp(entry, tensors, needs)
        wanted = {i: recorder.number(p._cell.array) for i, p in enumerate(parts) if p is not None and needs[i]}
    if recorder.reason or recorder.cells or recorder.groups or recorder.writes:
        return None
    if scalars and not plan.spec.passes_scalars:  # what a VJP made of a number would be frozen
        return None
    steps = recorder.steps

    def write(frame: Frame, tag: str, names: Names) -> dict[int, str]:
        known = {v: f"v{tag}_{v}" for s in steps for v in s.outputs} | dict(zip(kept, names.saved))
        known |= dict(zip(given, names.gs))
        text = Writer(frame, known, [*given, *kept, *wanted.values()], lambda _, i: names.scalars[i])
        text.write(steps)
        return {i: text.name(v) for i, v in wanted.items()}

    return Flow(plan, write, frozenset(_fresh(recorder, wanted)))


def _apart(arrays: list[Any], types: list[TensorType], device: Device) -> list[Any]:
    """Arrays that are none twice: in the example one tensor may stand twice, in later calls not."""
    seen, out = set(), []
    for array, type_ in zip(arrays, types, strict=True):
        if id(array) in seen:
            array = device.backend.primitive("copy", Signature((type_,), (type_,)))(array)
        seen.add(id(array))
        out.append(array)
    return out


def _fresh(recorder: Recorder, wanted: dict[int, int]) -> set[int]:
    """The inputs whose gradient is an array of its own: made by a kernel that is no view, and given to no other."""
    views = [s for s in recorder.steps if s.plan.view or s.plan.spec.name in _VIEWS]
    root = {s.outputs[0]: s.inputs[0] for s in views}
    made = {v for s in recorder.steps if s not in views for v in s.outputs}

    def origin(v: int) -> int:
        while v in root:
            v = root[v]
        return v

    origins = [origin(v) for v in wanted.values()]
    return {i for i, v in wanted.items() if v in made and origins.count(v) == 1}


class Names(NamedTuple):
    """How the text of a pullback spells what it reads: the gradients, the saved arrays, the numbers."""

    gs: list[str]
    saved: list[str]
    scalars: list[str]


class Flow(NamedTuple):
    """How the gradient of an entry is computed, as text.

    * `write(frame, tag, names)`: appends lines, whose own names hold `tag`; the names of the gradients by input.
    * `fresh`: the inputs whose gradient is an array of its own.
    """

    plan: Plan
    write: Callable[[Frame, str, Names], dict[int, str]]
    fresh: frozenset[int]


def _function(flow: Flow, n_saved: int, n_scalars: int) -> Callable[..., None]:
    """A flow as a pullback of its own: unpacking, its lines, then what each input receives."""
    frame, plan = Frame(), flow.plan
    gs = ["g"] if len(plan.outputs) == 1 else [f"g{i}" for i in range(len(plan.outputs))]
    names = Names(gs, [f"x{i}" for i in range(n_saved)], [f"s{i}" for i in range(n_scalars)])
    if len(gs) > 1:
        frame.lines.append(f"{', '.join(gs)} = g")
    frame.lines.append(f"_, _, ids, _, {'saved' if n_saved else '_'}, {'scalars' if n_scalars else '_'} = record")
    if n_saved:
        frame.lines.append(f"{', '.join(f'c{i}' for i in range(n_saved))}, = saved")
        frame.lines += [f"x{i} = c{i}.array" for i in range(n_saved)]
    if n_scalars:
        frame.lines.append(f"{', '.join(names.scalars)}, = scalars")
    for i, part in flow.write(frame, "", names).items():
        add, add_into = adder(plan.device, plan.inputs[i])
        frame.lines += [
            f"i = ids[{i}]",
            "if i in pending:",
            "    if i in shared:",
            f"        pending[i] = {frame.constant(add.kernel)}(pending[i], {part})",
            "        shared.discard(i)",
            "    else:",
            f"        pending[i] = {frame.constant(add_into.kernel)}(pending[i], {part})",
            "else:",
            f"    pending[i] = {part}",
            *["    shared.add(i)"] * (i not in flow.fresh),
        ]
    body = "".join(f"    {line}\n" for line in frame.lines)
    run = compiled(f"def run(g, record, pending, shared):\n{body}", frame.env, f"{plan.spec.name} pullback")
    run.flow = flow  # type: ignore[attr-defined]
    return run


def adder(device: Device, type_: TensorType) -> tuple[Plan, Plan]:
    """Plans of a + b: into a new array, and into a."""
    backend = device.backend
    found = backend.adders.get(type_)
    if found is None:
        d, sig = type_.dtype, Signature((type_, type_), (type_,))
        program = map_program((arg(0) + arg(1),), (d, d), (d,), 0)
        made = []
        for inplace in ((), (0,)):
            attrs = {"program": program, "shape": type_.shape, "inplace": inplace}
            plan = kernel_plan("map", backend.primitive("map", sig, **attrs), sig, attrs)
            plan.device = device
            made.append(plan)
        found = backend.adders[type_] = (made[0], made[1])
    return found


# ----- the VJP as written


def _as_written(plan: Plan, needs: tuple[bool, ...]) -> Callable[..., None]:
    def run(g: Any, record: Any, pending: dict[int, Any], shared: set[int]) -> None:
        run_vjp(plan, needs, record, _each(g, plan), pending, shared)

    return run


def run_vjp(plan: Plan, needs: tuple[bool, ...], record: Any, gs: Any, pending: Any, shared: set[int]) -> None:
    """The VJP itself, or the fused kernel, through the door; `gs` has an array or None per output."""
    device = plan.device
    fused = fused_plan(plan, needs, device) if watched and plan.spec.differentiable and _filled(plan) else None
    if fused is not None:
        cells = (new_cell(gs[0]), *record[4])
        arrays = iter(launch(fused, (*[c.array for c in cells], *record[5]), cells))
        parts = [next(arrays) if need else None for need in needs]
    else:
        tensors = tuple([None if g is None else wrap(new_cell(g), o, device) for g, o in zip(gs, plan.outputs)])
        found = plan.spec.vjp(Entry(record, device, None), tensors, needs)
        parts = [None if p is None else p._cell.array for p in found]
    for id, part, need, type_ in zip(record[2], parts, needs, plan.inputs):
        if need and part is not None:
            deposit(pending, shared, id, part, type_, device)


def _filled(plan: Plan) -> bool:
    return 0 not in [t.numel for t in (*plan.inputs, *plan.outputs)]


def deposit(pending: Any, shared: set[int], id: int, part: Any, type_: TensorType, device: Device) -> None:
    """Add an array that others may hold to what an id has received."""
    former = pending.get(id)
    if former is None:
        pending[id] = part
        shared.add(id)
    elif type_.numel:
        add, add_into = adder(device, type_)
        cells = (new_cell(former), new_cell(part))
        pending[id] = launch(add if id in shared else add_into, (former, part), cells)
        shared.discard(id)
