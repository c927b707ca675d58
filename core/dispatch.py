"""The one door: every kernel launch (forward, backward, update) goes through `apply`.

An op call is: make the key of (op, attributes, operand types), look up its plan, check tapes, call the kernel, wrap the
result, record. All validation of shapes, dtypes and attributes happens once per key, when the plan is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .cell import Cell, Empty, ViewCell, new_cell
from .checks import same_device
from .errors import TapeMovedError
from .registry import Composite, OpSpec
from .tape import Tape, check_mergeable, merge
from .tensor import Tensor, next_id, wrap
from .types import MAX_RANK, Signature, TensorType

if TYPE_CHECKING:
    from .device import Device

__all__ = ["Plan", "apply", "explain", "make_plan", "set_watcher"]

_new = object.__new__
_watch: Callable[[Plan, tuple[Any, ...]], Any] | None = None


def set_watcher(
    watcher: Callable[[Plan, tuple[Any, ...]], Any] | None,
) -> Callable[[Plan, tuple[Any, ...]], Any] | None:
    """Route every launch through `watcher(plan, inputs)`, which must return `plan.kernel(*inputs)`; returns the former one.

    Profiling and recording subscribe here; without one a launch costs a single `is None`.
    """
    global _watch
    former, _watch = _watch, watcher
    return former


class Plan:
    """What one call of an op on given types comes to: the kernel, the output types, what a tape saves."""

    __slots__ = (
        "attrs",
        "backward",
        "body",
        "differentiable",
        "fast",
        "float_inputs",
        "inputs",
        "kernel",
        "outputs",
        "saves",
        "spec",
        "type",
        "view",
    )

    spec: OpSpec
    attrs: dict[str, Any]
    kernel: Callable[..., Any]
    body: Callable[..., Any] | None
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    type: TensorType | None  # of the only output
    differentiable: bool
    fast: bool  # one output, a kernel, no view
    float_inputs: tuple[bool, ...]
    saves: tuple[int, ...]
    view: bool
    backward: dict[tuple[bool, ...], Plan | None]

    def fused(self, needs: tuple[bool, ...], device: Device) -> Plan | None:
        """The device's own `<op>.backward` kernel for these needs, or None."""
        if needs not in self.backward:
            self.backward[needs] = _fused_plan(self, needs, device)
        return self.backward[needs]


def make_plan(spec: OpSpec, tensors: tuple[Tensor, ...], values: tuple[Any, ...], device: Device) -> Plan:
    """Validate an op call and find its kernel; raises before anything has run."""
    plan = _new(Plan)
    plan.spec, plan.body, plan.fast, plan.backward = spec, None, False, {}
    plan.attrs = attrs = dict(zip(spec.attrs, values, strict=True))
    plan.inputs = tuple(t._type for t in tensors)
    if isinstance(spec, Composite) and not spec.has_rule:
        plan.body, plan.differentiable = spec.body, True
        return plan
    out = spec.infer(tensors, attrs)
    single = isinstance(out, TensorType)
    plan.outputs = (out,) if single else tuple(out)
    plan.type = out if single else None
    for o in plan.outputs:
        if len(o.shape) > MAX_RANK:
            from .checks import shape_error

            raise shape_error(
                spec.name,
                f"the result would have rank {len(o.shape)}, above {MAX_RANK}",
                dict(zip("abcdef", tensors, strict=False)),
            )
    plan.float_inputs = tuple(t.dtype.is_float for t in plan.inputs)
    plan.differentiable = spec.differentiable and any(plan.float_inputs) and any(o.dtype.is_float for o in plan.outputs)
    plan.view = spec.is_view
    saves = [-1 if isinstance(s, str) else s for s in spec.saves if s == "out" or int(s) < len(tensors)]
    plan.saves = tuple(saves) if plan.differentiable else ()
    kernel = _kernel(spec, device, Signature(plan.inputs, plan.outputs), attrs)
    if kernel is None:
        plan.body = spec.body
    else:
        plan.kernel = kernel
        plan.fast = single and not plan.view and not (isinstance(spec, Composite) and not spec.has_vjp)
    return plan


def _fused_plan(plan: Plan, needs: tuple[bool, ...], device: Device) -> Plan | None:
    name = f"{plan.spec.name}.backward"
    if (
        len(plan.outputs) != 1
        or not device.kernels.candidates(name)
        or 0 in [t.numel for t in (*plan.inputs, *plan.outputs)]
    ):
        return None
    types = [plan.outputs[0] if i < 0 else plan.inputs[i] for i in plan.saves]
    sig = Signature((plan.outputs[0], *types), tuple(t for t, need in zip(plan.inputs, needs, strict=True) if need))
    kernel = device.find(name, sig, {**plan.attrs, "needs": needs})
    if kernel is None:
        return None
    fused = _new(Plan)
    fused.spec, fused.attrs, fused.kernel = (
        OpSpec(name, plan.spec.infer, family=plan.spec.family),
        {"needs": needs},
        kernel,
    )
    fused.inputs, fused.outputs = sig.inputs, plan.inputs
    return fused


def launch(plan: Plan, inputs: tuple[Any, ...]) -> Any:
    """Call a plan's kernel, past the watcher if there is one."""
    return plan.kernel(*inputs) if _watch is None else _watch(plan, inputs)


def _kernel(spec: OpSpec, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
    if all(o.numel == 0 for o in sig.outputs):
        empties = tuple(Empty(o.shape, o.dtype) for o in sig.outputs)
        answer = empties[0] if len(empties) == 1 else empties
        return lambda *_: answer
    if any(t.numel == 0 for t in sig.inputs):
        kernel = spec.on_empty(device, sig, attrs)
        if kernel is not None or isinstance(spec, Composite):
            return kernel
    return spec.bind(device, sig, attrs)


def apply(spec: OpSpec, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...] = (), scalars: tuple[Any, ...] = ()) -> Any:
    """Run one op: `tensors` and Python numbers `scalars` at run time, `attrs` fixed (they are part of the key).

    Returns a tensor, or a tuple of them for an op with several outputs.
    """
    if len(tensors) == 2:
        a, b = tensors
        device = a.device
        plan = device.plans.get((spec, attrs, a._type, b._type)) if b.device is device else None
        if plan is None or not plan.fast or _watch is not None:
            return _apply(spec, tensors, attrs, scalars)
        serial_a, serial_b = a._serial, b._serial
        recording = plan.differentiable and (serial_a is not None or serial_b is not None)
        if recording:
            tape = a._tape
            other = b._tape
            if tape is None:
                tape = other
                if tape is None:
                    raise moved(spec, tensors)
            elif other is not None and other is not tape:
                return _apply(spec, tensors, attrs, scalars)
            if tape.shared or a._view is not None or b._view is not None:
                return _apply(spec, tensors, attrs, scalars)
            ids: tuple[int, ...] = (a.id, b.id)
            producers: tuple[int | None, ...] = (serial_a, serial_b)
        value = (
            plan.kernel(a._cell.array, b._cell.array, *scalars)
            if scalars
            else plan.kernel(a._cell.array, b._cell.array)
        )
    elif len(tensors) == 1:
        (a,) = tensors
        device = a.device
        plan = device.plans.get((spec, attrs, a._type))
        if plan is None or not plan.fast or _watch is not None:
            return _apply(spec, tensors, attrs, scalars)
        serial_a = a._serial
        recording = plan.differentiable and serial_a is not None
        if recording:
            tape = a._tape
            if tape is None:
                raise moved(spec, tensors)
            if tape.shared or a._view is not None:
                return _apply(spec, tensors, attrs, scalars)
            ids, producers, b = (a.id,), (serial_a,), a
        value = plan.kernel(a._cell.array, *scalars) if scalars else plan.kernel(a._cell.array)
    else:
        return _apply(spec, tensors, attrs, scalars)
    out = _new(Tensor)
    cell = out._cell = _new(Cell)
    cell.array = value
    cell.version = 0
    out._type = plan.type
    out.device = device
    out.id = serial = next_id()
    out._view = None
    if not recording:
        out._tape = out._serial = None
        return out
    out._serial = serial  # ids and serials count together: a recorded result's id is its entry's serial
    out._tape = tape
    if plan.saves:
        saved = tuple([cell if i < 0 else tensors[i]._cell for i in plan.saves])
        versions: tuple[int, ...] = tuple([c.version for c in saved])
    else:
        saved = versions = ()
    assert tape is not None
    tape.entries.append((serial, plan, ids, producers, None, saved, versions, scalars))
    if a._tape is not None:
        a._tape = None
        a._taker = spec
    if b._tape is not None:
        b._tape = None
        b._taker = spec
    return out


def _apply(spec: OpSpec, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...], scalars: tuple[Any, ...]) -> Any:
    """The whole of `apply`, of which the short cases above are the common part."""
    device = tensors[0].device
    for t in tensors:
        if t.device is not device:
            same_device(spec.name, tensors)
            break
    key = (spec, attrs, *[t._type for t in tensors])
    plan = device.plans.get(key)
    if plan is None:
        plan = device.plans[key] = make_plan(spec, tensors, attrs, device)
    whole = not isinstance(spec, Composite) or spec.has_vjp  # else the parts of its body are recorded
    recording = plan.differentiable and any([t._serial is not None for t in tensors])
    if plan.body is not None and not (whole and recording):
        operands = tensors if plan.differentiable else [t.detach() for t in tensors]
        return plan.body(*operands, *scalars, **plan.attrs)
    if recording:
        tapes = [t._tape for t in tensors if t._tape is not None]
        if not tapes:
            raise moved(spec, tensors)
        if not whole:
            return spec.body(*tensors, *scalars, **plan.attrs)
        check_mergeable(spec.name, tapes)
    if plan.body is not None:  # a composite with a gradient of its own is one entry, whatever its parts
        value = plan.body(*[t.detach() for t in tensors], *scalars, **plan.attrs)
        outs = tuple([t.detach() for t in (value if plan.type is None else (value,))])
    elif plan.type is None:
        value = launch(plan, (*[t._cell.array for t in tensors], *scalars))
        outs = tuple([wrap(new_cell(v), o, device) for v, o in zip(value, plan.outputs, strict=True)])
    else:
        value = launch(plan, (*[t._cell.array for t in tensors], *scalars))
        out = wrap(ViewCell(tensors[0]._cell, plan.kernel, value) if plan.view else new_cell(value), plan.type, device)
        if plan.view and tensors[0]._serial is None:
            out._view = (tensors[0], plan)
        outs = (out,)
    if recording:
        tape = merge(tapes)
        _record(tape, plan, tensors, outs, scalars)
    return outs if plan.type is None else outs[0]


def _record(
    tape: Tape, plan: Plan, tensors: tuple[Tensor, ...], outs: tuple[Tensor, ...], scalars: tuple[Any, ...]
) -> None:
    """Append an entry and move the tape to the result; only cells are kept, so no entry points back at a handle."""
    for t in tensors:
        if t._view is not None:
            record_view(tape, t)
    serial = outs[0].id = next_id()
    shared = tape.shared
    owner = True
    for out in outs:
        if out.dtype.is_float:
            out._serial = serial
            out._tape = tape if owner or shared else Tape()
            owner = False
    ids = tuple([t.id for t in tensors])
    producers = tuple([t._serial for t in tensors])
    if plan.saves:
        saved = tuple([outs[0]._cell if i < 0 else tensors[i]._cell for i in plan.saves])
        versions = tuple([c.version for c in saved])
    else:
        saved = versions = ()
    tape.entries.append(
        (serial, plan, ids, producers, tuple([o.id for o in outs]) if len(outs) > 1 else None, saved, versions, scalars)
    )
    if not shared:
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
    tape.entries.append((next_id(), plan, (source.id,), (None,), (view.id,), (), (), ()))


def moved(spec: OpSpec, tensors: tuple[Tensor, ...]) -> TapeMovedError:
    names = "abcdefgh"
    lines = [f"[{spec.name}] no operand owns a tape any more"]
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
    from .registry import OPS, PRIMITIVES

    spec = OPS.get(name)
    kernels = [f"kernel {k.describe()}" for k in device.kernels.candidates(name)]
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
        return ["composite body: " + (spec.doc or "written in other ops")]
    return []
