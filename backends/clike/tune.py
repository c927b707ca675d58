"""Choosing among ways by measuring them once; the choice is kept on disk."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .engine import Call, Engine

__all__ = ["Tuner"]

ROUNDS = 5  # measurements of each choice, of which the least counts


class Tuner:
    """Measured choices of one device, in a JSON file of a folder (None: kept in memory only); an unreadable file counts as empty."""

    def __init__(self, folder: Path | None, device: str) -> None:
        self.path, self.device = None if folder is None else folder / "tuned.json", device
        self._known: dict[str, str] | None = None

    def _load(self) -> dict[str, str]:
        if self._known is None:
            try:
                if self.path is None:
                    raise OSError
                found = json.loads(self.path.read_text(encoding="utf-8")).get(self.device, {})
                self._known = {k: v for k, v in found.items() if isinstance(v, str)}
            except (OSError, ValueError, AttributeError):
                self._known = {}
        return self._known

    def fastest(
        self, engine: Engine, key: str, choices: Mapping[str, Callable[[], Call]], arrays: Sequence[Any]
    ) -> Call:
        """The call that is fastest on these arrays, of several by name; outputs are overwritten while measuring."""
        key = f"{key}: {', '.join(choices)}"  # other choices are measured anew
        chosen = self._load().get(key)
        if chosen is not None and chosen in choices:
            return choices[chosen]()
        calls = {name: make() for name, make in choices.items()}
        for call in calls.values():
            _measure(engine, call, arrays)  # the first may compile
        times = dict.fromkeys(calls, float("inf"))
        for _ in range(ROUNDS):  # in turns: a machine's speed drifts
            for name, call in calls.items():
                times[name] = min(times[name], _measure(engine, call, arrays))
        best = min(times, key=lambda name: times[name])
        self._load()[key] = best
        self._save()
        return calls[best]

    def _save(self) -> None:
        """Merge with what other processes have written; whole or not at all."""
        if self.path is None:
            return
        try:
            try:
                whole = json.loads(self.path.read_text(encoding="utf-8"))
                whole = whole if isinstance(whole, dict) else {}
            except (OSError, ValueError):
                whole = {}
            whole[self.device] = {**whole.get(self.device, {}), **self._load()}
            handle, name = tempfile.mkstemp(dir=self.path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as f:
                json.dump(whole, f, indent=1, sort_keys=True)
            os.replace(name, self.path)
        except OSError:
            pass  # measured again next time


def _measure(engine: Engine, call: Callable[..., None], arrays: Sequence[Any]) -> float:
    start = time.perf_counter()
    call(arrays, ())
    engine.synchronize()
    return time.perf_counter() - start
