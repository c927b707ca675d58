"""Many launches as one call: a builtin over (arrays, numbers) that walks a table of launches and calls their machine code.

The code is one for all plans; a plan is data, so making one compiles nothing. It checks the arrays that it is given once, takes
one block of the pool for all temporaries, and makes only the arrays that outlive it. What the table does not fit goes to the
fallback, as with every kernel.

    slot   0 table of the runtime   1 fallback   2 arrays   3 numbers   4 new arrays   5 results   6 bytes of the block
           7 whether to release the GIL   8 launches   9 places of pointers (after the launches' contexts) in the block
          10 on: for each array its dtype (0: it is not used), element count, flags; for each number what it is read as
             (0 a double, 1 an integer, 2 not at all); for each new array its dtype, rank, bytes, eight dims; for each result its object, counting arrays, then new arrays;
             for each launch: code, config, n, then n pairs (value, offset) that make its context

Values are counted: 0 the block, 1 zero, then arrays, numbers, new arrays; an entry of a context is a value plus an offset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .ir import Function, V, module
from .kernel import builtin
from .layout import DATA, ITEMS
from .runtime import READABLE, SLOTS, WRITABLE, runtime

__all__ = ["BLOCK", "FIRST", "ZERO", "Made", "Part", "Taken", "plan_kernel"]

_HEAD = 10
BLOCK, ZERO, FIRST = 0, 1, 2  # values


class Taken(NamedTuple):
    """An array that the plan is given."""

    dtype: Any = None  # it is not looked at
    numel: int = 0
    written: bool = False

    def slots(self) -> list[int]:
        return [0 if self.dtype is None else id(self.dtype), self.numel, WRITABLE if self.written else READABLE]


class Made(NamedTuple):
    """An array that outlives the plan."""

    dtype: Any
    shape: tuple[int, ...]
    nbytes: int

    def slots(self) -> list[int]:
        return [id(self.dtype), len(self.shape), self.nbytes, *self.shape, *[0] * (8 - len(self.shape))]


class Part(NamedTuple):
    """A launch: addresses of its code and its config, and (value, offset) for each entry of its context."""

    launch: int
    config: int
    context: Sequence[tuple[int, int]]

    def slots(self) -> list[int]:
        return [self.launch, self.config, len(self.context), *[x for pair in self.context for x in pair]]


def plan_kernel(
    taken: Sequence[Taken], kinds: Sequence[int], made: Sequence[Made], results: Sequence[int], parts: Sequence[Part],
    temporaries: int, release: bool, slow: Callable[..., Any], keep: Any,
) -> Callable[..., Any]:  # fmt: skip
    """The builtin; offsets of the block count from its temporaries, which need `temporaries` bytes."""
    context = max(len(p.context) for p in parts) * 8
    places = FIRST + len(taken) + len(kinds) + 2 * len(made)
    head = -(-(context + places * 8) // 64) * 64
    slots = [runtime().address, id(slow), len(taken), len(kinds), len(made), len(results), head + temporaries, int(release),
             len(parts), context]  # fmt: skip
    for t in taken:
        slots += t.slots()
    slots += kinds
    for m in made:
        slots += m.slots()
    slots += results
    for p in parts:
        moved = [(value, offset + head if value == BLOCK else offset) for value, offset in p.context]
        slots += p._replace(context=moved).slots()
    return builtin(_text(), "plan", np.array(slots, np.int64), (slow, keep))


def _text() -> str:
    return module(_Writer().write())


class _Writer:
    """Writes the entry: the tables are walked by pointers that move along."""

    def __init__(self) -> None:
        b = self.b = Function("ptr @kernel(ptr %self, ptr %args, i64 %nargs)")
        self.cfg = b.load(b.at(b.arg("self"), DATA), "ptr", 8)
        self.rt = b.slot(self.cfg, 0, "ptr")
        names = ("arrays", "numbers", "made", "results", "bytes", "release", "launches", "places")
        self.n = {name: b.slot(self.cfg, 2 + i) for i, name in enumerate(names)}
        self.null = b.const(0, "ptr")

    def _rt(self, name: str) -> V:
        return self.b.slot(self.rt, SLOTS[name], "ptr")

    def write(self) -> Function:
        b, n = self.b, self.n
        self._two_tuples()
        block = self.block = b.call(self._rt("alloc"), "ptr", self.rt, n["bytes"])
        with b.when(block.cmp("eq", 0), ends=True):
            b.ret(b.call(self._rt("no_memory"), "ptr"))
        self.values = b.at(block, n["places"])
        b.store(block, self.values, 8)
        b.store(b.const(0), b.at(self.values, 1, "i64"))
        self.objects = b.at(self.values, n["arrays"] + n["numbers"] + n["made"] + FIRST, "i64")
        table = self._arrays(b.at(self.cfg, _HEAD, "i64"))
        table = self._numbers(table)
        table = self._new(table)
        results = table
        self._launch(b.at(table, n["results"], "i64"))
        self._return(results)
        return b

    def _slow(self) -> None:
        b = self.b
        fallback = b.slot(self.cfg, 1, "ptr")
        b.ret(b.call(self._rt("vectorcall"), "ptr", fallback, b.arg("args"), b.arg("nargs", "i64"), self.null))

    def _release(self) -> None:
        self.b.call(self._rt("release_block"), "void", self.rt, self.block)

    def _unless(self, good: V) -> None:
        """Where not good, give the block back and go to the fallback."""
        with self.b.when(good.cmp("eq", 0), ends=True):
            self._release()
            self._slow()

    def _two_tuples(self) -> None:
        b = self.b
        with b.when(b.arg("nargs", "i64").cmp("ne", 2), ends=True):
            self._slow()
        self.tuples = []
        for i, name in enumerate(("arrays", "numbers")):
            o = b.slot(b.arg("args"), i, "ptr")
            with b.when(b.load(b.at(o, 8), "ptr", 8).cmp("ne", self._rt("tuple_type")), ends=True):
                self._slow()
            with b.when(b.load(b.at(o, 16)).cmp("ne" if i == 0 else "slt", self.n[name]), ends=True):
                self._slow()
            self.tuples.append(b.at(o, ITEMS))

    def _arrays(self, table: V) -> V:
        b, count = self.b, self.n["arrays"]
        with b.loop(0, count) as loop:
            at, o = b.at(table, loop.i * 3, "i64"), b.slot(self.tuples[0], loop.i, "ptr")
            dtype = b.slot(at, 0, "ptr")
            with b.when(dtype.cmp("ne", 0)):
                flags = b.convert("trunc", b.slot(at, 2), "i32")
                p = b.call(self._rt("check"), "ptr", self.rt, o, dtype, b.slot(at, 1), flags)
                self._unless(p.cmp("ne", 0))
                b.store(p, b.at(self.values, loop.i + FIRST, "i64"), 8)
        return b.at(table, count * 3, "i64")

    def _numbers(self, table: V) -> V:
        b, count = self.b, self.n["numbers"]
        with b.loop(0, count) as loop:
            o, place = (
                b.slot(self.tuples[1], loop.i, "ptr"),
                b.at(self.values, self.n["arrays"] + loop.i + FIRST, "i64"),
            )
            kind = b.slot(table, loop.i)
            with b.when(kind.cmp("ne", 2)):
                reader = b.select(kind.cmp("ne", 0), self._rt("integer"), self._rt("number"))
                self._unless(b.call(reader, "i1", self.rt, o, place))
        return b.at(table, count, "i64")

    def _new(self, table: V) -> V:
        b, n = self.b, self.n
        first = b.at(self.values, n["arrays"] + n["numbers"] + FIRST, "i64")
        with b.loop(0, n["made"]) as loop:
            at = b.at(table, loop.i * 11, "i64")
            o = b.call(
                self._rt("new"), "ptr", self.rt, b.slot(at, 0, "ptr"), b.slot(at, 1), b.at(at, 3, "i64"), b.slot(at, 2)
            )
            with b.when(o.cmp("eq", 0), ends=True):
                self._drop(loop.i)
                self._release()
                b.ret(self.null)
            b.store(o, b.at(self.objects, loop.i, "i64"), 8)
            b.store(b.load(b.at(o, DATA), "ptr", 8), b.at(first, loop.i, "i64"), 8)
        return b.at(table, n["made"] * 11, "i64")

    def _drop(self, count: V) -> None:
        with self.b.loop(0, count) as loop:
            self.b.call(self._rt("decref"), "void", self.b.slot(self.objects, loop.i, "ptr"))

    def _launch(self, table: V) -> None:
        b = self.b
        release = self.n["release"].cmp("ne", 0)
        state = b.either(release, lambda: b.call(self._rt("save_thread"), "ptr"), lambda: self.null)
        with b.loop(0, self.n["launches"], 1, table) as loop:
            part = loop.values[0]
            n = b.slot(part, 2)
            with b.loop(0, n) as entry:
                pair = b.at(part, (entry.i << 1) + 3, "i64")
                b.store(b.slot(self.values, b.slot(pair, 0)) + b.slot(pair, 1), b.at(self.block, entry.i, "i64"))
            b.call(b.slot(part, 0, "ptr"), "void", b.slot(part, 1, "ptr"), self.block)
            loop.next(b.at(part, (n << 1) + 3, "i64"))
        with b.when(release):
            b.call(self._rt("restore_thread"), "void", state)

    def _return(self, table: V) -> None:
        b, n = self.b, self.n
        pack = b.call(self._rt("tuple_new"), "ptr", n["results"])
        with b.when(pack.cmp("ne", 0)), b.loop(0, n["results"]) as loop:
            which = b.slot(table, loop.i)
            given = which.cmp("slt", n["arrays"])
            place = b.select(given, b.at(self.tuples[0], which, "i64"), b.at(self.objects, which - n["arrays"], "i64"))
            o = b.load(place, "ptr", 8)
            b.call(self._rt("incref"), "void", o)
            b.call(self._rt("tuple_set"), "i32", pack, loop.i, o)
        self._drop(n["made"])
        self._release()
        b.ret(pack)
