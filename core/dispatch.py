"""The one door: every kernel launch (forward, backward, update) goes through `apply`.

An op call is: make the key of (op, attributes, operand types), look up its plan, check tapes, call the kernel, wrap the
result, record. All validation of shapes, dtypes and attributes happens once per key, when the plan is made.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from .cell import Cell, Empty, ViewCell
from .checks import same_device
from .errors import TapeMovedError
from .registry import Composite, OpSpec
from .tape import Tape, merge
from .tensor import Tensor, next_id
from .types import MAX_RANK, Signature, TensorType

if TYPE_CHECKING:
    from .device import Device

__all__ = ["Plan", "apply", "explain", "make_plan", "set_watcher"]

next_serial = count(1).__next__
_new = object.__new__
_watch: Callable[[Plan, tuple[Any, ...]], Any] | None = None


def set_watcher(watcher: Callable[[Plan, tuple[Any, ...]], Any] | None) -> Callable[[Plan, tuple[Any, ...]], Any] | None:
    """Route every launch through `watcher(plan, inputs)`, which must return `plan.kernel(*inputs)`; returns the former one.

    Profiling and recording subscribe here; without one a launch costs a single `is None`.
    """
    global _watch
    former, _watch = _watch, watcher
    return former


class Plan:
    """What one call of an op on given types comes to: the kernel, the output types, what a tape saves."""

    __slots__ = ("attrs", "body", "cache", "differentiable", "dtype", "float_inputs", "inputs", "kernel", "outputs", "saves", "shape", "spec", "view")

    spec: OpSpec
    attrs: dict[str, Any]
    kernel: Callable[..., Any]
    body: Callable[..., Any] | None
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    shape: tuple[int, ...] | None
    dtype: Any
    differentiable: bool
    float_inputs: tuple[bool, ...]
    saves: tuple[int, ...]
    view: bool
    cache: dict[Any, Any]


def make_plan(spec: OpSpec, tensors: tuple[Tensor, ...], values: tuple[Any, ...], device: Device) -> Plan:
    """Validate an op call and find its kernel; raises before anything has run."""
    plan = _new(Plan)
    plan.spec, plan.body, plan.cache = spec, None, {}
    plan.attrs = attrs = dict(zip(spec.attrs, values, strict=True))
    plan.inputs = tuple(TensorType(t.shape, t.dtype) for t in tensors)
    if isinstance(spec, Composite) and not spec.has_rule:
        plan.body, plan.differentiable = spec.body, True
        return plan
    out = spec.infer(tensors, attrs)
    single = isinstance(out, TensorType)
    plan.outputs = (out,) if single else tuple(out)
    plan.shape, plan.dtype = (out.shape, out.dtype) if single else (None, None)
    for o in plan.outputs:
        if len(o.shape) > MAX_RANK:
            from .checks import shape_error

            raise shape_error(spec.name, f"the result would have rank {len(o.shape)}, above {MAX_RANK}", dict(zip("abcdef", tensors, strict=False)))
    plan.float_inputs = tuple(t.dtype.is_float for t in plan.inputs)
    plan.differentiable = spec.differentiable and any(plan.float_inputs) and any(o.dtype.is_float for o in plan.outputs)
    plan.view = spec.is_view
    plan.saves = tuple(-1 if s == "out" else s for s in spec.saves) if plan.differentiable else ()  # type: ignore[misc]
    kernel = _kernel(spec, device, Signature(plan.inputs, plan.outputs), attrs)
    if kernel is None:
        plan.body = spec.body  # type: ignore[attr-defined]
    else:
        plan.kernel = kernel
    return plan


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


def _plan_for(spec: OpSpec, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...], device: Device, key: Any) -> Plan:
    plan = device.plans[key] = make_plan(spec, tensors, attrs, device)
    return plan


def apply(spec: OpSpec, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...] = (), scalars: tuple[Any, ...] = ()) -> Any:
    """Run one op: `tensors` and Python numbers `scalars` at run time, `attrs` fixed (they are part of the key).

    Returns a tensor, or a tuple of them for an op with several outputs.
    """
    a = tensors[0]
    device = a.device
    n = len(tensors)
    tape = a._tape
    lost = a._serial is not None
    merges = False
    if n == 1:
        key: tuple[Any, ...] = (spec, attrs, a.shape, a.dtype)
    elif n == 2:
        b = tensors[1]
        if b.device is not device:
            same_device(spec.name, tensors)
        key = (spec, attrs, a.shape, a.dtype, b.shape, b.dtype)
        other = b._tape
        if other is not None and other is not tape:
            if tape is None:
                tape = other
            else:
                merges = True
        lost = lost or b._serial is not None
    else:
        key = (spec, attrs, *[(t.shape, t.dtype) for t in tensors])
        for t in tensors:
            if t.device is not device:
                same_device(spec.name, tensors)
            other = t._tape
            if other is not None and other is not tape:
                if tape is None:
                    tape = other
                else:
                    merges = True
            lost = lost or t._serial is not None
    plan = device.plans.get(key)
    if plan is None:
        plan = _plan_for(spec, tensors, attrs, device, key)
    if plan.body is not None:
        return plan.body(*tensors, *scalars, **plan.attrs)
    recording = lost and plan.differentiable
    if recording:
        if tape is None:
            raise moved(spec, tensors)
        if merges:
            tape = merge(spec.name, [t._tape for t in tensors if t._tape is not None])
        if isinstance(spec, Composite) and not spec.has_vjp:
            return spec.body(*tensors, *scalars, **plan.attrs)
    if _watch is not None:
        value = _watch(plan, (*[t._cell.array for t in tensors], *scalars))
    elif n == 1:
        value = plan.kernel(a._cell.array, *scalars)
    elif n == 2:
        value = plan.kernel(a._cell.array, b._cell.array, *scalars)
    else:
        value = plan.kernel(*[t._cell.array for t in tensors], *scalars)
    if plan.shape is None:
        outs = tuple([_wrap(v, o, device) for v, o in zip(value, plan.outputs, strict=True)])
        if recording:
            _record(tape, plan, tensors, outs, scalars)  # type: ignore[arg-type]
        return outs
    out = _new(Tensor)
    if plan.view:
        out._cell = ViewCell(a._cell, plan.kernel, value)
    else:
        cell = out._cell = _new(Cell)
        cell.array = value
        cell.version = 0
    out.shape = plan.shape
    out.dtype = plan.dtype
    out.device = device
    out.id = next_id()
    out._view = None
    if recording:
        _record(tape, plan, tensors, (out,), scalars)  # type: ignore[arg-type]
    else:
        out._tape = None
        out._serial = None
        if plan.view and not lost:
            out._view = (a, plan)
    return out


def _wrap(array: Any, type_: TensorType, device: Device) -> Tensor:
    out = _new(Tensor)
    cell = out._cell = _new(Cell)
    cell.array, cell.version = array, 0
    out.shape, out.dtype, out.device = type_.shape, type_.dtype, device
    out.id = next_id()
    out._tape = out._serial = out._view = None
    return out


def _record(tape: Tape, plan: Plan, tensors: tuple[Tensor, ...], outs: tuple[Tensor, ...], scalars: tuple[Any, ...]) -> None:
    """Append an entry and move the tape to the result; only cells are kept, so no entry points back at a handle."""
    for t in tensors:
        if t._view is not None:
            record_view(tape, t)
    serial = next_serial()
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
    tape.entries.append((serial, plan, ids, producers, tuple([o.id for o in outs]), saved, versions, scalars))
    if not shared:
        for t in tensors:
            if t._tape is not None:
                t._tape = None
                t._taker = plan.spec


def record_view(tape: Tape, view: Tensor) -> None:
    """Put the ops of an untraced view on the tape, so that its gradient reaches the source."""
    source, plan = view._view  # type: ignore[misc]
    if source._view is not None:
        record_view(tape, source)
    tape.entries.append((next_serial(), plan, (source.id,), (None,), (view.id,), (), (), ()))


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
    found = [f"{p} kernel running the expression {spec.text}" for p in through if device.kernels.candidates(p)]  # type: ignore[attr-defined]
    if found:
        return found[:1]
    if spec.kind == "composite":
        return ["composite body: " + (spec.doc or "written in other ops")]
    return []
