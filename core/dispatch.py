"""An op call: look up the plan for (op, attributes, operand types), check tapes, launch the kernel, wrap the result, record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cell import ViewCell, new_cell
from .checks import same_device
from .door import launch, watched
from .errors import TapeMovedError
from .plan import Plan, make_plan
from .tape import Tape, check_mergeable, merge
from .tensor import Tensor, next_serial, wrap

if TYPE_CHECKING:
    from .device import Device
    from .registry import OpSpec

__all__ = ["Plan", "apply", "explain"]


def apply(spec: OpSpec, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...] = (), scalars: tuple[Any, ...] = ()) -> Any:
    """Run one op: `tensors` and Python numbers `scalars` at run time, `attrs` fixed (they are part of the key).

    Returns a tensor, or a tuple of them for an op with several outputs. `calls.short_call` is the short way to the same.
    """
    device = tensors[0].device
    for t in tensors:
        if t.device is not device:
            same_device(spec.name, tensors)
            break
    key = (spec, attrs, *[t._type for t in tensors])
    plan = device.plans.get(key)
    if plan is None:
        plan = device.plans[key] = make_plan(spec, tensors, attrs, device)
    if plan.short is not None and not watched:
        plan.device = device
        spec.plans[plan.short] = plan
    recording = plan.differentiable and any([t._serial is not None for t in tensors])
    tapes: list[Tape] = []
    if recording:
        tapes = [t._tape for t in tensors if t._tape is not None]
        if not tapes:
            raise moved(spec, tensors)
    if not plan.whole if recording else plan.body is not None:
        operands = tensors if plan.differentiable else [t.detach() for t in tensors]
        return spec.body(*operands, *scalars, **plan.attrs)
    check_mergeable(spec.name, tapes)
    outs = _run(plan, tensors, scalars, device)
    if recording:
        _record(merge(tapes), plan, tensors, outs, scalars)
    return outs if plan.type is None else outs[0]


def _run(plan: Plan, tensors: tuple[Tensor, ...], scalars: tuple[Any, ...], device: Device) -> tuple[Tensor, ...]:
    """The results of a plan, untraced."""
    if plan.body is not None:  # a composite with a gradient of its own is one entry, whatever its parts
        value = plan.body(*[t.detach() for t in tensors], *scalars, **plan.attrs)
        return tuple([t.detach() for t in (value if plan.type is None else (value,))])
    cells = tuple([t._cell for t in tensors])
    value = launch(plan, (*[c.array for c in cells], *scalars), cells)
    if plan.type is None:
        return tuple([wrap(new_cell(v), o, device) for v, o in zip(value, plan.outputs, strict=True)])
    if not plan.view:
        return (wrap(new_cell(value), plan.type, device),)
    out = wrap(ViewCell(cells[0], plan, value), plan.type, device)
    if tensors[0]._serial is None:
        out._view = (tensors[0], plan)
    return (out,)


def _record(
    tape: Tape, plan: Plan, tensors: tuple[Tensor, ...], outs: tuple[Tensor, ...], scalars: tuple[Any, ...]
) -> None:
    """Append an entry and move the tape to the result; only cells are kept, so no entry points back at a handle."""
    for t in tensors:
        if t._view is not None:
            record_view(tape, t)
    serial = next_serial()
    owner = True
    for i, out in enumerate(outs):
        if out.dtype.is_float:
            out.id = serial if i == 0 else next_serial()
            out._serial = serial
            out._tape = tape if owner or tape.shared else Tape()
            owner = False
    saved = tuple([outs[0]._cell if i < 0 else tensors[i]._cell for i in plan.saves])
    out_ids = tuple([o.id for o in outs]) if len(outs) > 1 or outs[0].id != serial else None
    tape.entries.append((serial, plan, tuple([t.id for t in tensors]), out_ids, saved, scalars))
    if not tape.shared:
        for t in tensors:
            if t._tape is not None:
                t._tape = None
                t._taker = plan.spec


def record_view(tape: Tape, view: Tensor) -> None:
    """Put the ops of an untraced view on the tape, so that its gradient reaches the source."""
    assert view._view is not None
    source, plan = view._view
    if source._view is not None:
        record_view(tape, source)
    tape.entries.append((next_serial(), plan, (source.id,), (view.id,), (), ()))


def moved(op: OpSpec | str, tensors: tuple[Tensor, ...]) -> TapeMovedError:
    names = "abcdefgh"
    lines = [f"[{op if isinstance(op, str) else op.name}] no operand owns a tape any more"]
    for name, t in zip(names, tensors, strict=False):
        if t._serial is not None:
            lines.append(f"  {name}: {t.type_text} lost its tape to {_taker(t)}")
    lines.append("  hint: x.with_empty_tape() starts a new branch from this value; x.detach() makes it a constant")
    return TapeMovedError("\n".join(lines))


def _taker(t: Tensor) -> str:
    taker = getattr(t, "_taker", None)
    return f"[{taker if isinstance(taker, str) else taker.name}]" if taker is not None else "another value"


def explain(name: str, device: Device) -> list[str]:
    """How `device` would run the op: one line per way, best first."""
    from .ops._define import FUNCTIONS
    from .registry import OPS, PRIMITIVES

    made_of: tuple[str, ...] = getattr(FUNCTIONS.get(name), "made_of", ())
    if made_of:
        return [f"{part}: {(explain(part, device) or ['missing'])[0]}" for part in made_of]
    spec = OPS.get(name)
    kernels = [f"kernel {k.describe()}" for k in device.kernels.candidates(name)]
    if spec is None and name in FUNCTIONS:
        return ["a function, written in other ops"]
    if spec is None:
        return kernels or [f"primitive {name}: missing"] if name in PRIMITIVES else [f"unknown op {name!r}"]
    return kernels + spec_fallback(spec, device)


def spec_fallback(spec: OpSpec, device: Device) -> list[str]:
    through = getattr(spec, "through", ())
    found = [
        f"{p} kernel" + (f" running the expression {spec.text}" if spec.text else "")
        for p in through
        if device.kernels.candidates(p)
    ]
    if found:
        return found[:1]
    if spec.kind == "composite":
        return [f"falls back to the host: {spec.host}" if spec.host else "composite body, written in other ops"]
    return []
