"""Items made ahead of time by a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")
_END = object()


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The items in order, up to `depth` of them made ahead by a thread.

    What `items` raises is raised here, after the items before it. The thread starts with the first item asked for, and
    ends with the last, or when the loop is left.

    >>> from dfdx import data
    >>> list(data.prefetch((i * i for i in range(4)), depth=2))
    [0, 1, 4, 9]
    """
    if depth < 1:
        raise ValueError(f"[prefetch] the depth is at least 1, not {depth}")
    return _consume(_Worker(items, depth))


class _Worker:
    """Puts (item, None) for each item, then (_END, error or None); `slots` counts how many more may wait."""

    def __init__(self, items: Iterable[Any], depth: int) -> None:
        self.items, self.slots, self.stopped = items, threading.Semaphore(depth), False
        self.ready: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.thread = threading.Thread(target=self.work, name="dfdx-prefetch", daemon=True)

    def work(self) -> None:
        try:
            items = iter(self.items)
            while self.slots.acquire() and not self.stopped:
                self.ready.put((next(items), None))
        except StopIteration:
            self.ready.put((_END, None))
        except BaseException as e:
            self.ready.put((_END, e))

    def stop(self) -> None:
        self.stopped = True
        self.slots.release()
        if self.thread is not threading.current_thread():  # the collector may close the loop anywhere
            self.thread.join()


def _consume(worker: _Worker) -> Iterator[Any]:
    worker.thread.start()
    try:
        while True:
            item, error = worker.ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            worker.slots.release()
            yield item
    finally:
        worker.stop()
