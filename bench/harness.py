"""How everything here is measured: the contestants of a row take turns in one process, and minima and medians are compared.

A machine's speed drifts with its neighbours, so a contestant is never timed alone: each round runs every contestant once,
for as many repetitions as fill a few milliseconds. Minima say what the code costs, medians what a user sees.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["OURS", "Row", "Timing", "Work", "compare", "measure", "ratio"]

OURS = ("eager", "captured")
_SAMPLE = 0.004  # seconds that one sample of a contestant lasts at least


class Work(NamedTuple):
    """What one contestant does in a row: `run` once per repetition, `finish` where work is still under way after it.

    `units`: how many things one run does, so that 1,000 adds are reported per add.
    """

    run: Callable[[], Any]
    finish: Callable[[], Any] = lambda: None
    units: int = 1


class Row(NamedTuple):
    """One line of the table: who competes (a function that sets up the `Work`, by name), and the ratios to reach."""

    name: str
    makers: Mapping[str, Callable[[], Work]]
    eager: float | None = None
    captured: float | None = None


class Timing(NamedTuple):
    """Seconds per unit."""

    min: float
    median: float
    samples: int


def compare(row: Row, peers: tuple[str, ...], seconds: float = 1.0) -> dict[str, Timing | str]:
    """Measure the contestants of a row in turns; one that fails has its reason instead of a time."""
    found: dict[str, Timing | str] = {}
    works: dict[str, Work] = {}
    for name, make in row.makers.items():
        if name in OURS or name in peers:
            try:
                works[name] = work = make()
                for _ in range(5):
                    work.run()
                work.finish()
            except Exception as e:
                works.pop(name, None)
                found[name] = f"{type(e).__name__}: {e}".splitlines()[0]
    return {**measure(works, seconds), **found}


def measure(
    works: Mapping[str, Work], seconds: float = 1.0, clock: Callable[[], float] = time.perf_counter, rest: float = 0.0
) -> dict[str, Timing | str]:
    """Rounds of one sample per contestant until `seconds` have passed for each of them, at least five.

    `clock`: what is measured; `time.process_time` where other processes take turns on the same cores. `rest`: seconds before each
    sample, for the threads of the contestant before, which wait for more work in a loop and so keep a core busy.
    """
    repeats = {name: _repeats(work) for name, work in works.items()}
    samples: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    end = time.perf_counter() + seconds * len(works)
    while time.perf_counter() < end or any(len(s) < 5 for s in samples.values()):
        for name, work in works.items():
            time.sleep(rest)
            samples[name].append(_sample(work, repeats[name], clock) / work.units)
    return {name: Timing(min(s), sorted(s)[len(s) // 2], len(s)) for name, s in samples.items()}


def _sample(work: Work, repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds per run."""
    run = work.run
    start = clock()
    for _ in range(repeats):
        run()
    work.finish()
    return (clock() - start) / repeats


def _repeats(work: Work) -> int:
    one = min(_sample(work, 1) for _ in range(3))
    return max(1, min(20000, round(_SAMPLE / max(one, 1e-7))))


def ratio(timings: Mapping[str, Timing | str], ours: str, field: str = "min") -> tuple[float, str] | None:
    """(time of `ours` / time of the best peer, the peer's name), or None where one of them is missing."""
    mine = timings.get(ours)
    peers = {n: getattr(t, field) for n, t in timings.items() if n not in OURS and isinstance(t, Timing)}
    if not isinstance(mine, Timing) or not peers:
        return None
    best = min(peers, key=lambda n: peers[n])
    return getattr(mine, field) / peers[best], best
