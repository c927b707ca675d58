"""A run of launches as one plan: where each value lies, which of them share memory, and what outlives the run."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ....core.contract import Launch, Slot
from .alias import row_major
from .epilogue import with_epilogues
from .fallback import Fallback, copier
from .kernel import RELEASE, SCRATCH, ArrayType, Native, native_of
from .plan import BLOCK, FIRST, ZERO, Made, Part, Taken, plan_kernel
from .storage import Run, Storage, View, alike, is_tidy, lifetimes, room, strides_of
from .turned import turned_copy

__all__ = ["Declined", "Joined"]

_VIEWS = ("permute", "broadcast", "slice")  # whose result is a view of whatever it is given; a reshape may copy


class Declined(Exception):
    """A launch that no plan can hold."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch


class Joined:
    """The run as a plan.

    * `arrays`: the values that it takes, where the caller has no order of its own.
    * `results`: those that it gives: what is read after the run (`later`) or by `after`.
    * `after`: launches of views that the caller must make itself.
    """

    def __init__(self, launches: Sequence[tuple[Launch, Native]], later: set[int]) -> None:
        self.launches = [l for l, _ in launches]
        self.runs: list[Run] = []
        self._views: dict[int, View] = {}
        later = set(later)
        self.after: list[Launch] = []
        for launch, native in reversed(launches):
            if native.code.alias and not later.isdisjoint(launch.outputs):
                later.update(launch.inputs)
                self.after.insert(0, launch)
        viewed = {v for l in self.after for v in l.outputs}
        self.kinds: dict[int, int] = {}  # place of a number -> what it is read as
        for launch, native in launches:
            self._launch = launch
            self._add(launch, native)
        made = [v for l, n in launches if not n.code.alias for v in l.outputs]
        self.results = tuple([v for v in made if v in later and v not in viewed])
        for v in self.results:
            self._views[v].storage.outlives = True
        inside = {v for l in self.launches for v in l.outputs}
        self.runs = with_epilogues(self.runs)
        lifetimes(self.runs)
        self.arrays = tuple(dict.fromkeys(v for l in self.launches for v in l.inputs if v not in inside))

    # ----- where values lie

    def _add(self, launch: Launch, native: Native) -> None:
        views = [self._input(v, t) for v, t in zip(launch.inputs, native.inputs, strict=True)]
        if native.code.alias:
            (source,), (out,) = views, native.outputs
            offset = int(native.config[native.own])
            if not is_tidy(source.type):
                if launch.name in _VIEWS:
                    offset, out = _seen(native, source.type)
                else:
                    source = self._copy(launch, source)
            self._views[launch.outputs[0]] = View(source.storage, source.offset + offset, out)
            return
        native, views = self._readable(launch, native, views)
        scratch = int(native.config[SCRATCH])
        block = Storage(np.dtype(np.int8), (scratch,)) if scratch else None
        for v, type_, j in zip(launch.outputs, native.outputs, native.code.inplace, strict=True):
            if j is not None:
                views[j].storage.written = True
                self._views[v] = views[j]
            else:
                self._views[v] = View(Storage(type_.dtype, type_.shape), 0, type_)
            views.append(self._views[v])
        self._check_numbers(launch, native)
        self.runs.append(Run(native, views, launch.numbers, block))

    def _input(self, v: int, type_: ArrayType) -> View:
        """The view of a value; one that comes from outside must be a row-major array of the type, which the plan checks."""
        found = self._views.get(v)
        if found is None:
            whole = ArrayType(type_.shape, type_.dtype, row_major(type_.shape, type_.dtype.itemsize))
            found = self._views[v] = View(Storage(type_.dtype, type_.shape, v), 0, whole)
        if found.type.dtype != type_.dtype or prod(found.type.shape) != prod(type_.shape):
            raise Declined(self._launch)
        return found

    def _readable(self, launch: Launch, native: Native, views: list[View]) -> tuple[Native, list[View]]:
        """The kernel that reads the views as they lie, or copies of them for the one that does not."""
        loose = [i for i, v in enumerate(views) if not is_tidy(v.type)]
        if not loose:
            return native, views
        if any(j in loose for j in native.code.inplace) or not isinstance(native.slow, Fallback):
            raise Declined(launch)
        if native.slow.strided is not None:
            strides = tuple([strides_of(v.type) for v in views])
            direct = native_of(native.slow.strided(strides))
            if direct is not None and all(len(v.type.shape) == len(t.shape) for v, t in zip(views, native.inputs)):
                return direct, views
        return native, [self._copy(launch, v) if i in loose else v for i, v in enumerate(views)]

    def _copy(self, launch: Launch, view: View) -> View:
        shape, strides, dtype = view.type.shape, strides_of(view.type), view.type.dtype.name
        if dtype not in ("float32", "float64"):
            raise Declined(launch)
        copy = native_of(turned_copy(shape, strides, dtype) or _view_copy(shape, strides, dtype))
        if copy is None:
            raise Declined(launch)
        out = ArrayType(shape, view.type.dtype, row_major(shape, view.type.dtype.itemsize))
        copied = View(Storage(out.dtype, shape), 0, out)
        self.runs.append(Run(copy, [view, copied], (), None))
        return copied

    def _check_numbers(self, launch: Launch, native: Native) -> None:
        if len(launch.numbers) != len(native.code.kinds):
            raise Declined(launch)
        for n, kind in zip(launch.numbers, native.code.kinds, strict=True):
            if isinstance(n, Slot) and self.kinds.setdefault(n.place, int(kind == "i64")) != int(kind == "i64"):
                raise Declined(launch)
            if not isinstance(n, (Slot, int, float)):
                raise Declined(launch)

    # ----- the plan

    def kernel(self, arrays: Sequence[int], results: Sequence[int]) -> Callable[..., Any]:
        """A function (arrays, numbers) -> results, in these orders."""
        storages = list(
            {id(v.storage): v.storage for run in self.runs for part in run.parts() for v in part.views}.values()
        )
        fresh = [s for s in storages if s.given is None and s.outlives]
        by_value = {s.given: s for s in storages if s.given is not None}
        found = [by_value.get(v) for v in arrays]
        taken = [Taken() if s is None else Taken(s.dtype, prod(s.shape), s.written) for s in found]
        kinds = [self.kinds.get(i, 2) for i in range(max(self.kinds, default=-1) + 1)]
        temporaries = self._share([s for s in storages if s.given is None and not s.outlives])
        value = {id(s): FIRST + i for i, s in enumerate(found) if s is not None}
        value |= {id(s): FIRST + len(arrays) + len(kinds) + k for k, s in enumerate(fresh)}
        parts = [self._part(run, value, len(arrays)) for run in self.runs]
        order = {id(s): i for i, s in enumerate(found) if s is not None}
        order |= {id(s): len(arrays) + k for k, s in enumerate(fresh)}
        return plan_kernel(
            taken, kinds, [Made(s.dtype, s.shape, s.nbytes) for s in fresh], [order[id(self._views[v].storage)] for v in results],
            parts, temporaries, any(part.native.config[RELEASE] for run in self.runs for part in run.parts()),
            self.by_python(arrays, results), [self.runs, taken, fresh],
        )  # fmt: skip

    def _share(self, temporaries: Sequence[Storage]) -> int:
        """Places for temporaries, those that live at the same time apart; the bytes of all."""
        rooms = [r.scratch for r in self.runs if r.scratch is not None]
        heirs = self._heirs({id(s) for s in temporaries})
        placed: list[Storage] = []
        for s in sorted([*temporaries, *rooms], key=lambda s: s.first):
            placed = [p for p in placed if p.last >= s.first]
            s.offset = heirs[id(s)].offset if id(s) in heirs else room(s.nbytes, placed)
            placed.append(s)
        return max([s.offset + s.nbytes for s in (*temporaries, *rooms)], default=0)

    def _heirs(self, temporaries: set[int]) -> dict[int, Storage]:
        """Results that take the memory of an argument that dies with their launch, by id: less memory is less to fetch."""
        found: dict[int, Storage] = {}
        for at, run in enumerate(self.runs):
            for part in run.parts():
                kept = run._replace(post=None).loads() if part is not run else set()
                taken = {id(part.views[j].storage) for j in part.native.code.inplace if j is not None}
                for places, out in zip(part.native.code.over, part.views[len(part.native.inputs) :], strict=False):
                    if out.storage.first == at and id(out.storage) in temporaries:
                        old = _heritage(part, places, out, at, temporaries - kept - taken)
                        if old is not None:
                            found[id(out.storage)] = old
                            taken.add(id(old))
        return found

    def _part(self, run: Run, value: dict[int, int], n_arrays: int) -> Part:
        """A launch with the contexts of it and of what runs over its result: pointers, numbers, scratch, own slots."""

        def place(s: Storage) -> tuple[int, int]:
            return (value[id(s)], 0) if id(s) in value else (BLOCK, s.offset)

        context = []
        for part in run.parts():
            for view in part.views:
                which, offset = place(view.storage)
                context.append((which, offset + view.offset))
            for n, kind in zip(part.numbers, part.native.code.kinds, strict=True):
                context.append((FIRST + n_arrays + n.place, 0) if isinstance(n, Slot) else (ZERO, _bits(n, kind)))
            context.append((ZERO, 0) if part.scratch is None else (BLOCK, part.scratch.offset))
            context.append((ZERO, part.native.config.ctypes.data + 8 * part.native.own))
        return Part(run.native.launch, run.native.config.ctypes.data, context)

    def by_python(self, arrays: Sequence[int], results: Sequence[int]) -> Callable[..., Any]:
        """The launches one by one: for arrays that the plan does not take."""
        launches = self.launches

        def slow(given: tuple[Any, ...], numbers: tuple[Any, ...]) -> tuple[Any, ...]:
            values = dict(zip(arrays, given, strict=True))
            for l in launches:
                l.run(values, numbers)
            return tuple([values[v] for v in results])

        return slow


def _heritage(part: Run, places: tuple[int, ...], out: View, at: int, free: set[int]) -> Storage | None:
    """The memory of an argument at `places` that dies with run `at` and may be this result's."""
    free = free - {id(v.storage) for i, v in enumerate(part.views[: len(part.native.inputs)]) if i not in places}
    views = [part.views[j] for j in places]
    return next((v.storage for v in views if v.storage.last == at and id(v.storage) in free and alike(v, out)), None)


def _view_copy(shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> Callable[..., Any] | None:
    """A kernel that copies rows with gaps, or None where there is none."""
    whole = native_of(copier(shape, dtype))
    fallback: Any = whole.slow if whole is not None else None
    return fallback.strided((strides,)) if fallback is not None else None  # type: ignore[no-any-return]


def _seen(native: Native, source: ArrayType) -> tuple[int, ArrayType]:
    """(offset, type) of the view that NumPy makes of an array with gaps; nothing is read of the one that stands for it."""
    stand_in = np.lib.stride_tricks.as_strided(np.empty(1, source.dtype), source.shape, source.strides, writeable=False)
    view = native.slow(stand_in)
    return view.ctypes.data - stand_in.ctypes.data, ArrayType(view.shape, source.dtype, view.strides)


def _bits(number: Any, kind: str) -> int:
    """A number as the 64 bits of a slot."""
    if kind == "double":
        return int(struct.unpack("<q", struct.pack("<d", number))[0])
    return (int(number) + (1 << 63)) % (1 << 64) - (1 << 63)
