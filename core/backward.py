"""The backward pass: a tape replayed in reverse, each entry through its pullback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import describe
from .door import watched
from .entry import Entry
from .errors import GradientError, ShapeError, TapeError
from .gradients import Gradients
from .inplace import accumulate
from .pullback import make_pullback, mask_of, needed_inputs, run_vjp
from .tape import Record, Tape, no_tape
from .tensor import Tensor, method
from .unrolled import MOST, unrolled

if TYPE_CHECKING:
    from .cell import Cell
    from .dispatch import Plan
    from .types import TensorType

__all__ = ["Entry", "backward"]

_STRUCTURES = 16  # of tapes that a `Gradients` remembers


def backward(loss: Tensor, retrace: bool = False) -> Gradients:
    """Replay the tape of a rank-0 value in reverse and consume it; returns the `Gradients` given to `traced`.

    * `retrace`: record the backward pass too, so that every `grads.get(t)` owns a tape and can be differentiated again.

    Raises `NoTapeError` without a tape, `ShapeError` for a rank above 0, `TapeError` where a recorded value was made on
    another tape or was overwritten since; nothing has run then.
    """
    tape = loss._tape
    if tape is None:
        raise no_tape("backward", loss)
    if loss._type.shape:
        hint = "reduce it first: loss.mean() or loss.sum()"
        raise ShapeError(
            f"[backward] the loss must have rank 0\n  loss: {describe(loss)}      loss.rank = {loss.rank}\n  hint: {hint}"
        )
    entries = _in_order(tape.entries)
    grads = tape.gradients if tape.gradients is not None else Gradients.leaky()
    key: Any = None
    if not (retrace or watched or grads.keeps_results or len(entries) > MOST):
        key = tuple([e[1] for e in entries])
        known = grads._passes.get(key, 0)
        if type(known) is not int and known(loss, entries, grads):
            return grads
    needed = _check(entries, grads)
    if retrace:
        _check_retrace(entries, needed)
    loss._tape, loss._taker = None, "backward"
    if not entries and grads.needs(loss.id):
        needed = {loss.id}
    if retrace:
        _replay_recorded(loss, entries, grads, needed)
    else:
        _replay(loss, entries, grads, needed)
        if key is not None:
            _remember(key, loss, entries, grads, needed)
    return grads


def _remember(key: Any, loss: Tensor, entries: list[Record], grads: Gradients, needed: set[int] | None) -> None:
    """Count the tapes of one structure; its third time the pass is written out, if it can be."""
    passes = grads._passes
    known = passes.get(key, 0)
    if type(known) is not int or needed is None or known < 0:
        return
    if len(passes) >= _STRUCTURES:
        passes.clear()
    passes[key] = known + 1 if known < 2 else unrolled(loss, entries, grads, needed) or -1


def _in_order(entries: list[Record]) -> list[Record]:
    """By serial and without repeats: merged tapes replay in the true order."""
    last = 0
    for e in entries:
        if e[0] <= last:
            return [e for _, e in sorted({e[0]: e for e in entries}.items())]
        last = e[0]
    return entries


def _check(entries: list[Record], grads: Gradients) -> set[int] | None:
    """Ids whose gradient is needed (None: all), after the checks that must precede the first kernel."""
    made = set()
    needed = None if grads._leaves is None else set(grads._leaves)
    for serial, plan, ids, out_ids, saved, _ in entries:
        for i in ids:
            if i & 1 and i not in made:
                raise _elsewhere(plan, ids.index(i))
        for cell in saved:
            if cell.version > serial:
                raise _overwritten(plan, cell)
        if out_ids is None:
            made.add(serial)
            if needed is not None and not needed.isdisjoint(ids):
                needed.add(serial)
        else:
            made.update(out_ids)
            if needed is not None and not needed.isdisjoint(ids):
                needed.update(out_ids)
    return needed


def _elsewhere(plan: Plan, i: int) -> TapeError:
    return TapeError(
        f"[{plan.spec.name}] input {i}, {plan.inputs[i]}, was recorded on a tape that is not here (it is elsewhere, or was consumed)\n"
        "  hint: add the losses before backward(), or use x.detach() to make it a constant"
    )


def _overwritten(plan: Plan, cell: Cell) -> TapeError:
    writer = getattr(cell, "writer", "an in-place write")
    types = ", ".join(map(str, plan.inputs))
    return TapeError(
        f"[{plan.spec.name}] a value that its gradient needs ({types}) was overwritten by [{writer}] after it was recorded\n"
        "  hint: call backward() before the write, or record with a clone()"
    )


def _check_retrace(entries: list[Record], needed: set[int] | None) -> None:
    for e in entries:
        spec = e[1].spec
        if spec.opaque and (needed is None or not needed.isdisjoint(e[2])):
            raise GradientError(
                f"[{spec.name}] its VJP is not made of ops, so a recorded backward pass cannot differentiate it"
            )


# ----- on arrays


def _replay(loss: Tensor, entries: list[Record], grads: Gradients, needed: set[int] | None) -> None:
    pending: dict[int, Any] = {loss.id: loss.device.one(loss.dtype)._cell.array}
    shared = {loss.id}
    inner = grads.keeps_results
    for record in reversed(entries):
        serial, plan, ids, out_ids, _, _ = record
        if out_ids is None:
            g = pending.pop(serial, None)
            if g is None:
                continue
            if inner and grads.needs(serial):
                grads.keep(serial, g, plan.outputs[0], plan.device, False)
        else:
            gs = tuple([pending.pop(i, None) for i in out_ids])
            if all([g is None for g in gs]):
                continue
            for i, g, type_ in zip(out_ids, gs, plan.outputs):
                if g is not None and grads.needs(i):
                    grads.keep(i, g, type_, plan.device, False)
        mask = mask_of(ids, needed)
        if not mask:
            continue
        several = out_ids is not None and len(out_ids) > 1
        if watched or (several and any([g is None for g in gs])):
            if any(needs := needed_inputs(plan, mask)):
                run_vjp(plan, needs, record, (g,) if out_ids is None else gs, pending, shared)
            continue
        if out_ids is not None:
            g = gs if several else gs[0]
        pullback = plan.pullbacks.get(mask)
        if pullback is None:
            pullback = plan.pullbacks[mask] = make_pullback(plan, mask, record, g)
        pullback(g, record, pending, shared)
    if pending:
        _store(loss, entries, grads, pending, shared)


def _store(loss: Tensor, entries: list[Record], grads: Gradients, pending: dict[int, Any], shared: set[int]) -> None:
    """Keep what reached the leaves."""
    leaves = grads._leaves
    if leaves is None:
        where: dict[int, tuple[TensorType, Any]] = {loss.id: (loss._type, loss.device)}
        for _, plan, ids, *_ in entries:
            device = plan.attrs.get("source", plan.device)  # of `to_device`
            where.update({i: (t, device) for i, t in zip(ids, plan.inputs)})
        for id, g in pending.items():
            grads.keep(id, g, *where[id], id not in shared)
        return
    for id, g in pending.items():
        if id in leaves:
            grads.keep_leaf(id, g, id not in shared)


# ----- on tensors that are recorded again


def _replay_recorded(loss: Tensor, entries: list[Record], grads: Gradients, needed: set[int] | None) -> None:
    shared = Tape(None, list(entries), shared=True)
    one = loss.device.one(loss.dtype).detach()
    one._tape, one._serial = shared, 0
    pending: dict[int, Tensor] = {loss.id: one}
    for record in reversed(entries):
        serial, plan, ids, out_ids, _, _ = record
        gs = tuple([pending.pop(i, None) for i in out_ids or (serial,)])
        if all([g is None for g in gs]):
            continue
        for i, g in zip(out_ids or (serial,), gs):
            if g is not None and grads.needs(i):
                grads.keep_tensor(i, g)
        needs = needed_inputs(plan, mask_of(ids, needed))
        if not any(needs):
            continue
        device = next(g.device for g in gs if g is not None)
        parts = plan.spec.vjp(Entry(record, device, shared), gs, needs)
        for id, part, need in zip(ids, parts, needs, strict=True):
            if need and part is not None:
                pending[id] = accumulate(pending[id], part, False) if id in pending else part
    for id, g in pending.items():
        if grads.needs(id):
            grads.keep_tensor(id, g)
    shared.shared = False
    grads.hand_out(shared)


method(backward)
