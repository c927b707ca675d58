"""Items made ahead of time by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["prefetch"]

_END = object()


def prefetch(items: Iterable[Any], depth: int = 2) -> Iterator[Any]:
    """Yields the items in order; up to `depth` are made ahead. Leaving the loop early stops the thread."""
    if depth < 1:
        raise ValueError(f"[prefetch] the depth is at least 1, not {depth}")
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(entry: tuple[Any, BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                ready.put(entry, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as e:
            put((_END, e))

    thread = threading.Thread(target=work, name="dfdx-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join()
