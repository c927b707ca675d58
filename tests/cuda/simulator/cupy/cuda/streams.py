"""Streams that run what they are given at once, or collect it while they capture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Graph", "Stream", "enqueue", "get_current_stream"]

Work = Callable[[], object]
_here = threading.local()
_by_ptr: dict[int, Stream] = {}


class Graph:
    """Collected work; `runs` counts what was launched, for tests."""

    runs = 0

    def __init__(self, work: list[Work]) -> None:
        self.work = work

    def launch(self, stream: Stream | None = None) -> None:
        to = stream or get_current_stream()
        Graph.runs += 1
        for w in self.work:
            enqueue(to.ptr, w)


class Stream:
    """`Stream(null=True)` is the default one, on which nothing can be captured."""

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.ptr = 0 if null else 1000 + len(_by_ptr)
        self.work: list[Work] | None = None
        _by_ptr[self.ptr] = self

    def __enter__(self) -> Stream:
        self.former = get_current_stream()
        _here.stream = self
        return self

    def __exit__(self, *_: object) -> None:
        _here.stream = self.former

    def synchronize(self) -> None:
        enqueue(self.ptr, None)

    def begin_capture(self, mode: Any = None) -> None:
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.work is not None:
            raise RuntimeError("cudaErrorIllegalState: the stream is capturing")
        self.work = []

    def end_capture(self) -> Graph:
        work, self.work = self.work, None
        if work is None:
            raise RuntimeError("cudaErrorIllegalState: the stream is not capturing")
        return Graph(work)


_null = Stream(null=True)


def get_current_stream() -> Stream:
    return getattr(_here, "stream", _null)


def enqueue(ptr: int, work: Work | None) -> None:
    """Run work, or collect it; None is something that waits, which a capture does not allow."""
    stream = _by_ptr[ptr]
    if stream.work is None:
        if work is not None:
            work()
    elif work is None:
        raise RuntimeError("cudaErrorStreamCaptureUnsupported: nothing may wait while a stream captures")
    else:
        stream.work.append(work)
