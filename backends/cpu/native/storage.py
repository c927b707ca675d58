"""Memory of a plan: what lies where, from which launch to which it is needed, and how launches see it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from .alias import row_major
from .kernel import ArrayType, Native
from .views import row_major_like

__all__ = ["Run", "Storage", "View", "alike", "is_tidy", "lifetimes", "room", "strides_of"]


class Storage:
    """Memory: of a given array (`given` is its value), of a new one (`outlives`), or of a temporary."""

    def __init__(self, dtype: Any, shape: tuple[int, ...], given: int | None = None) -> None:
        self.dtype, self.shape, self.given = dtype, shape, given
        self.written = self.outlives = False
        self.first, self.last = -1, -1  # launches that make and that read it
        self.offset = 0

    @property
    def nbytes(self) -> int:
        return int(prod(self.shape) * self.dtype.itemsize)


class View(NamedTuple):
    """How a value lies in its storage."""

    storage: Storage
    offset: int
    type: ArrayType


class Run(NamedTuple):
    """A launch with its operands found; `post` runs over its result, block by block."""

    native: Native
    views: list[View]  # inputs, then outputs
    numbers: tuple[Any, ...]
    scratch: Storage | None
    post: Run | None = None

    def parts(self) -> list[Run]:
        return [self] if self.post is None else [self, self.post]

    def loads(self) -> set[int]:
        """The storages that it reads, by id."""
        return {id(v.storage) for r in self.parts() for v in r.views[: len(r.native.inputs)]}

    def stores(self) -> set[int]:
        """Those that it writes."""
        return {id(v.storage) for r in self.parts() for v in r.views[len(r.native.inputs) :]}


def lifetimes(runs: Sequence[Run]) -> None:
    """Note for each storage which run makes it, and which is the last to need it."""
    for at, run in enumerate(runs):
        for part in run.parts():
            for v, j in zip(part.views[len(part.native.inputs) :], part.native.code.inplace, strict=True):
                if j is None:
                    v.storage.first = at
            for v in part.views:
                v.storage.last = at
        if run.scratch is not None:
            run.scratch.first = run.scratch.last = at


def room(nbytes: int, placed: Sequence[Storage]) -> int:
    """The first gap of so many bytes between those that are placed."""
    at = 0
    for p in sorted(placed, key=lambda p: p.offset):
        if p.offset >= at + nbytes:
            break
        at = max(at, -(-(p.offset + p.nbytes) // 64) * 64)
    return at


def alike(a: View, b: View) -> bool:
    """Whether two views are all of their memory, element by element alike."""
    whole = all(v.storage.nbytes == prod(v.type.shape) * v.type.dtype.itemsize and is_tidy(v.type) for v in (a, b))
    return whole and a.type.dtype == b.type.dtype and a.storage.nbytes == b.storage.nbytes


def strides_of(t: ArrayType) -> tuple[int, ...]:
    return t.strides or row_major(t.shape, t.dtype.itemsize)


def is_tidy(t: ArrayType) -> bool:
    return not t.strides or row_major_like(t.shape, t.strides, t.dtype.itemsize)
