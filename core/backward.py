"""The backward pass: a tape replayed in reverse, each entry through its VJP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cell import Cell, new_cell
from .checks import describe
from .dispatch import Plan, launch
from .errors import GradientError, ShapeError, TapeError
from .gradients import Gradients
from .inplace import accumulate
from .tape import Record, Tape, no_tape
from .tensor import Tensor, method, wrap

if TYPE_CHECKING:
    from .device import Device

__all__ = ["Entry", "backward"]


class Entry:
    """What a VJP sees of a recorded call: attributes, types, scalars, and the saved values as untraced tensors."""

    __slots__ = ("_device", "_record", "_shared", "attrs", "plan", "scalars")

    def __init__(self, record: Record, device: Device, shared: Tape | None) -> None:
        self._record, self._device, self._shared = record, device, shared
        self.plan, self.scalars = record[1], record[7]
        self.attrs = self.plan.attrs

    @property
    def inputs(self) -> Any:
        """Types (shape, dtype) of the inputs."""
        return self.plan.inputs

    @property
    def outputs(self) -> Any:
        return self.plan.outputs

    def input(self, i: int) -> Tensor:
        """The saved input `i`."""
        _, plan, ids, producers, *_ = self._record
        return self._value(i, plan.inputs[i], ids[i], producers[i])

    def output(self) -> Tensor:
        """The saved output."""
        serial, plan, _, _, out_ids, *_ = self._record
        return self._value(-1, plan.outputs[0], out_ids[0] if out_ids else serial, serial)

    def _value(self, key: int, type_: Any, id: int, producer: int | None) -> Tensor:
        t = wrap(self._record[5][self.plan.saves.index(key)], type_, self._device)
        if self._shared is not None:
            t.id = id
            if producer is not None:
                t._serial, t._tape = producer, self._shared
        return t


def backward(loss: Tensor, retrace: bool = False) -> Gradients:
    """Replay the tape of a rank-0 value in reverse and consume it; returns the `Gradients` given to `traced`.

    * `retrace`: record the backward pass too, so that every `grads.get(t)` owns a tape and can be differentiated again.

    Raises `NoTapeError` without a tape, `ShapeError` for a rank above 0, `TapeError` where a recorded value was made on
    another tape or was overwritten since; nothing has run then.
    """
    tape = loss._tape
    if tape is None:
        raise no_tape("backward", loss)
    if loss.shape:
        hint = "reduce it first: loss.mean() or loss.sum()"
        raise ShapeError(
            f"[backward] the loss must have rank 0\n  loss: {describe(loss)}      loss.rank = {loss.rank}\n  hint: {hint}"
        )
    entries = _in_order(tape.entries)
    grads = tape.gradients if tape.gradients is not None else Gradients.leaky()
    needed = _check(entries, grads)
    if retrace:
        _check_retrace(entries, needed)
    loss._tape, loss._taker = None, "backward"
    shared = Tape(None, list(entries), shared=True) if retrace else None
    pending: dict[int, list[Any]] = {loss.id: [_seed(loss, shared), False]}
    if not entries and loss._serial == 0 and grads.needs(loss.id):
        needed = {loss.id}
    _replay(entries, pending, grads, needed, shared)
    for id, (g, owned) in pending.items():
        if grads.needs(id):
            _keep(grads, id, g, owned)
    if shared is not None:
        _hand_out(grads, shared)
    return grads


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
    made = {e[0] for e in entries}
    needed = None if grads._leaves is None else set(grads._leaves)
    for e in entries:
        for p in e[3]:
            if p and p not in made:  # None was never recorded, 0 is a leaf
                raise _elsewhere(e, p)
        if e[5]:
            for cell, version in zip(e[5], e[6]):
                if cell.version != version:
                    raise _overwritten(e[1], cell)
        if needed is not None and not needed.isdisjoint(e[2]):
            needed.update(e[4] or (e[0],))
    return needed


def _elsewhere(record: Record, producer: int) -> TapeError:
    i = record[3].index(producer)
    plan = record[1]
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
        if getattr(spec, "opaque_vjp", False) and (needed is None or not needed.isdisjoint(e[2])):
            raise GradientError(
                f"[{spec.name}] its VJP is not made of ops, so a recorded backward pass cannot differentiate it"
            )


def _seed(loss: Tensor, shared: Tape | None) -> Tensor:
    one = loss.device.one(loss.dtype)
    if shared is not None:
        one = one.detach()
        one._tape, one._serial = shared, 0
    return one


def _replay(
    entries: list[Record], pending: dict[int, list[Any]], grads: Gradients, needed: set[int] | None, shared: Tape | None
) -> None:
    for record in reversed(entries):
        out_ids = record[4] or (record[0],)
        if len(out_ids) == 1:
            found = pending.pop(out_ids[0], None)
            if found is None:
                continue
            gs: tuple[Tensor | None, ...] = (found[0],)
            if grads.needs(out_ids[0]):
                _keep(grads, out_ids[0], found[0])
        else:
            several = [pending.pop(i, None) for i in out_ids]
            gs = tuple([f[0] if f is not None else None for f in several])
            if not any(several):
                continue
            for i, g in zip(out_ids, gs, strict=True):
                if g is not None and grads.needs(i):
                    _keep(grads, i, g)
        plan, ids = record[1], record[2]
        if needed is None:
            needs = plan.float_inputs
        else:
            needs = tuple([f and i in needed for f, i in zip(plan.float_inputs, ids, strict=True)])
        if not any(needs):
            continue
        device = gs[0].device if gs[0] is not None else next(g for g in gs if g is not None).device
        fused = plan.fused(needs, device) if shared is None else None
        parts = (
            _fused(fused, record, gs[0], device)
            if fused is not None
            else plan.spec.vjp(Entry(record, device, shared), gs, needs)
        )
        for id, part, need in zip(ids, parts, needs, strict=True):
            if need and part is not None:
                _accumulate(pending, id, part)


def _fused(plan: Plan, record: Record, g: Tensor | None, device: Device) -> tuple[Tensor | None, ...]:
    """A `<op>.backward` kernel: (g, saved arrays, scalars) to the gradients of the needed inputs."""
    assert g is not None
    arrays = launch(plan, (g._cell.array, *[c.array for c in record[5]], *record[7]))
    it = iter(arrays)
    return tuple(
        [
            wrap(new_cell(next(it)), t, device) if need else None
            for t, need in zip(plan.outputs, plan.attrs["needs"], strict=True)
        ]
    )


def _keep(grads: Gradients, id: int, g: Tensor, owned: bool = False) -> None:
    """Add to what `grads` stores; `owned` says that nobody else holds the array of g."""
    former = grads._store.get(id)
    if former is None:
        grads._store[id] = g
        if owned:
            grads._owned.add(id)
    else:
        grads._store[id] = accumulate(former, g, id in grads._owned)
        grads._owned.add(id)


def _accumulate(pending: dict[int, list[Any]], id: int, g: Tensor) -> None:
    former = pending.get(id)
    if former is None:
        pending[id] = [g, False]
    else:
        former[0] = accumulate(former[0], g, former[1])
        former[1] = True


def _hand_out(grads: Gradients, shared: Tape) -> None:
    """The stored gradients own the recorded tape; `get` gives each caller a copy."""
    shared.shared = False
    for id, g in grads._store.items():
        if g._tape is shared:
            grads._store[id] = g._alias(shared, g._serial)
            grads._owned.discard(id)


method(backward)
