"""The one door: every kernel launch (forward, backward, update, values made from nothing) goes through `launch`.

Profilers and recorders subscribe here. It stands below everything that launches, so that all of core can use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .registry import forget_plans

if TYPE_CHECKING:
    from .dispatch import Plan

__all__ = ["Watcher", "launch", "recorders", "refuse", "replayed", "set_watcher", "watched"]

Watcher = Callable[["Plan", tuple[Any, ...]], Any]

watched: list[Watcher] = []  # none or one; short paths ask only whether it is empty
recorders: list[Any] = []  # the recorder of a step that is being captured, if any


def set_watcher(watcher: Watcher | None) -> Watcher | None:
    """Route every launch through `watcher(plan, inputs)`, which must return `plan.kernel(*inputs)`; returns the former one."""
    former = watched[0] if watched else None
    watched[:] = [] if watcher is None else [watcher]
    if watcher is not None:
        forget_plans()  # short paths do not ask who watches: without plans every call comes through the door
    return former


def launch(plan: Plan, inputs: tuple[Any, ...], cells: tuple[Any, ...] = ()) -> Any:
    """Call a plan's kernel, past the watcher if there is one; `cells` are where the first inputs came from."""
    if not watched:
        return plan.kernel(*inputs)
    for recorder in recorders:
        recorder.seen(cells)
    return watched[0](plan, inputs)


def refuse(reason: str) -> None:
    """What cannot be replayed says so here: a step that is being recorded will then always run as written."""
    for recorder in recorders:
        recorder.refuse(reason)


def replayed(make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Numbers that a replayed step must make anew (learning rates, random counters): `make()`, remembered while recording."""
    return recorders[0].numbers(make) if recorders else make()
