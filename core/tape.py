"""The tape: entries that move with the value that owns them.

An entry is a tuple (serial, plan, input ids, output ids, saved cells, scalars); output ids None stands for one output, whose
id is the serial. Odd ids are those of recorded results. Serials count in-place writes too, so a saved cell whose version is
above the entry's serial was overwritten after it was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .checks import describe
from .errors import NoTapeError, TapeError, TapeMovedError
from .gradients import Gradients

if TYPE_CHECKING:
    from .dispatch import Plan
    from .tensor import Tensor

__all__ = ["Gradients", "Record", "Tape", "check_mergeable", "merge", "no_tape"]

Record = tuple[int, "Plan", tuple[int, ...], tuple[int, ...] | None, tuple[Any, ...], tuple[Any, ...]]


class Tape:
    """Recorded entries, and the `Gradients` into which they will accumulate (None while unknown)."""

    __module__ = "dfdx"
    __slots__ = ("entries", "gradients", "shared")

    def __init__(
        self, gradients: Gradients | None = None, entries: list[Record] | None = None, shared: bool = False
    ) -> None:
        self.gradients = gradients
        self.entries: list[Record] = entries if entries is not None else []
        self.shared = shared  # a shared tape stays with its values: only while a backward pass is itself recorded

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Tape({len(self.entries)} entries)"


def check_mergeable(op: str, tapes: Sequence[Tape]) -> None:
    """`TapeError` where tapes accumulate into different `Gradients`."""
    found = [t.gradients for t in tapes if t.gradients is not None]
    if any(g is not found[0] for g in found):
        raise TapeError(
            f"[{op}] the operands' tapes accumulate into two different Gradients\n  hint: trace both with the same Gradients object"
        )


def merge(tapes: Sequence[Tape]) -> Tape:
    """One tape with the entries of all; a shared one absorbs the others."""
    target = next((t for t in tapes if t.shared), tapes[0])
    for tape in tapes:
        if tape is not target:
            target.entries.extend(tape.entries)
            target.gradients = target.gradients if target.gradients is not None else tape.gradients
    return target


def no_tape(op: str, t: Tensor) -> NoTapeError | TapeMovedError:
    """The error for a value that owns no tape: never traced, or moved on."""
    if t._serial is not None:
        taker = getattr(t, "_taker", None)
        name = taker if isinstance(taker, str) else getattr(taker, "name", "another value")
        return TapeMovedError(
            f"[{op}] the tape of {describe(t)} moved to [{name}]\n  hint: call it on that result, or add the losses"
        )
    return NoTapeError(f"[{op}] {describe(t)} owns no tape\n  hint: trace the input first: model(x.traced(grads))")
