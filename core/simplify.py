"""A recording with less to do: what nobody reads is left out, what never changes is computed once, elementwise runs are one."""

from __future__ import annotations

from typing import Any

from .cell import Empty
from .fuse import fuse, overwritten
from .recorder import Number, Recorder, Step
from .reuse import reuse
from .types import Signature, TensorType

__all__ = ["simplify"]

_LARGEST_CONSTANT = 1 << 20  # elements


def simplify(recorder: Recorder, held: set[int]) -> tuple[list[Step], dict[int, Any]]:
    """(the steps that a replay must run, constants by value number)."""
    constants = _constants(recorder, held)
    steps = [s for s in recorder.steps if not all(v in constants for v in s.outputs)]
    return fuse(reuse(_needed(steps, held), held), held), constants


def _constants(recorder: Recorder, held: set[int]) -> dict[int, Any]:
    """What depends on no argument, cell or marked number, and is neither written to nor handed out."""
    touched = {v for s in recorder.steps for v in overwritten(s)} | held
    found: dict[int, Any] = {}
    for s in recorder.steps:
        free = all(v in found for v in s.inputs) and not any(isinstance(n, Number) for n in s.scalars)
        small = all(o.numel <= _LARGEST_CONSTANT for o in s.plan.outputs)
        if free and small and not touched.intersection(s.outputs) and not overwritten(s):
            found.update({v: _tidy(recorder.arrays[v], s, t) for v, t in zip(s.outputs, s.plan.outputs)})
    return found


def _tidy(array: Any, step: Step, type_: TensorType) -> Any:
    """A constant row-major, as most kernels want it."""
    device = getattr(step.plan, "device", None)
    if device is None or isinstance(array, Empty):
        return array
    return device.backend.primitive("contiguous", Signature((type_,), (type_,)))(array)


def _needed(steps: list[Step], held: set[int]) -> list[Step]:
    """Without the steps whose results nobody reads."""
    read, kept = set(held), []
    for s in reversed(steps):
        if overwritten(s) or not read.isdisjoint(s.outputs):
            read.update(s.inputs)
            kept.append(s)
    return kept[::-1]
