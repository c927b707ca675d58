"""How a tensor gets, moves, gives up and shares a tape."""

from __future__ import annotations

from .errors import TapeError
from .tape import Gradients, Tape, check_mergeable, merge, no_tape
from .tensor import Tensor, method, wrap

__all__ = ["leaky_traced", "put_tape", "retaped", "split_tape", "traced", "with_empty_tape"]


def traced(self: Tensor, grads: Gradients | None = None) -> Tensor:
    """The same value under the same id, owning a tape that will accumulate into `grads`.

    Without an argument the tape is leaky: it keeps the gradient of everything.
    Raises `TapeError` if this tensor owns or has lost a tape.
    """
    if self._serial is not None:
        state = "owns a tape" if self._tape is not None else "has lost its tape"
        raise TapeError(
            f"[traced] {self.type_text} already {state}\n  hint: with_empty_tape() branches off, detach() gives a constant"
        )
    if grads is None:
        grads = Gradients.leaky()
    elif not isinstance(grads, Gradients):
        raise TapeError(
            f"[traced] takes the Gradients of model.alloc_grads() or Gradients.leaky(), not {type(grads).__name__}"
        )
    out: Tensor = self._alias(Tape(grads), 0)
    out._view = None  # a traced view starts here: its gradient is kept under its own id
    return out


def leaky_traced(self: Tensor) -> Tensor:
    """Like `traced()` with a leaky tape."""
    return self.traced()


def retaped(self: Tensor) -> Tensor:
    """The same value under the same id with an empty tape, whatever it had: how a parameter enters a recorded computation."""
    if self._tape is not None and self._tape.shared:
        return self
    return self._alias(Tape(), self._serial or 0)


def with_empty_tape(self: Tensor) -> Tensor:
    """A second use of a value: itself if it was never recorded, else the same value with an empty tape."""
    return self if self._serial is None else self.retaped()


def split_tape(self: Tensor) -> tuple[Tensor, Tape]:
    """(the value without its tape, the tape); `NoTapeError` if it owns none."""
    if self._tape is None:
        raise no_tape("split_tape", self)
    tape, self._tape, self._taker = self._tape, None, "split_tape"
    return self._alias(None, self._serial), tape


def put_tape(self: Tensor, tape: Tape) -> Tensor:
    """The same value owning `tape`, merged with the one it has."""
    tapes = [tape] if self._tape is None else [self._tape, tape]
    check_mergeable("put_tape", tapes)
    self._tape, self._taker = None, "put_tape"
    return self._alias(merge(tapes), self._serial or 0)


def _alias(self: Tensor, tape: Tape | None, serial: int | None) -> Tensor:
    out = wrap(self._cell, self._type, self.device)
    out.id, out._tape, out._serial, out._view = self.id, tape, serial, self._view
    return out


method(traced, "traced", "trace")
method(leaky_traced, "leaky_traced", "leaky_trace")
for _f in (retaped, with_empty_tape, split_tape, put_tape, _alias):
    method(_f)
