"""A run of launches as one plan: where each value lies, which of them share memory, and what outlives the run."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ....core.contract import Launch, Slot
from .alias import row_major
from .fallback import Fallback, copier
from .kernel import RELEASE, SCRATCH, ArrayType, Native, native_of
from .plan import BLOCK, FIRST, ZERO, Made, Part, Taken, plan_kernel
from .turned import turned_copy
from .views import row_major_like

__all__ = ["Declined", "Joined"]

_VIEWS = ("permute", "broadcast", "slice")  # whose result is a view of whatever it is given; a reshape may copy


class Declined(Exception):
    """A launch that no plan can hold."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch


class _Storage:
    """Memory: of a given array (`given` is its value), of a new one (`outlives`), or of a temporary."""

    def __init__(self, dtype: Any, shape: tuple[int, ...], given: int | None = None) -> None:
        self.dtype, self.shape, self.given = dtype, shape, given
        self.written = self.outlives = False
        self.first, self.last = -1, -1  # launches that make and that read it
        self.offset = 0

    @property
    def nbytes(self) -> int:
        return int(prod(self.shape) * self.dtype.itemsize)


class _View(NamedTuple):
    """How a value lies in its storage."""

    storage: _Storage
    offset: int
    type: ArrayType


class _Run(NamedTuple):
    """A launch with its operands found."""

    native: Native
    views: list[_View]  # inputs, then outputs
    numbers: tuple[Any, ...]
    scratch: _Storage | None


class Joined:
    """The run as a plan.

    * `arrays`: the values that it takes, where the caller has no order of its own.
    * `results`: those that it gives: what is read after the run (`later`) or by `after`.
    * `after`: launches of views that the caller must make itself.
    """

    def __init__(self, launches: Sequence[tuple[Launch, Native]], later: set[int]) -> None:
        self.launches = [l for l, _ in launches]
        self.runs: list[_Run] = []
        self._views: dict[int, _View] = {}
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
        self.arrays = tuple(dict.fromkeys(v for l in self.launches for v in l.inputs if v not in inside))

    # ----- where values lie

    def _add(self, launch: Launch, native: Native) -> None:
        views = [self._input(v, t) for v, t in zip(launch.inputs, native.inputs, strict=True)]
        if native.code.alias:
            (source,), (out,) = views, native.outputs
            offset = int(native.config[native.own])
            if not _is_tidy(source.type):
                if launch.name in _VIEWS:
                    offset, out = _seen(native, source.type)
                else:
                    source = self._copy(launch, source)
            self._views[launch.outputs[0]] = _View(source.storage, source.offset + offset, out)
            return
        native, views = self._readable(launch, native, views)
        scratch = int(native.config[SCRATCH])
        room = _Storage(np.dtype(np.int8), (scratch,)) if scratch else None
        for view in views:
            view.storage.last = len(self.runs)
        for v, type_, j in zip(launch.outputs, native.outputs, native.code.inplace, strict=True):
            if j is not None:
                views[j].storage.written = True
                self._views[v] = views[j]
            else:
                self._views[v] = _View(_Storage(type_.dtype, type_.shape), 0, type_)
                self._views[v].storage.first = len(self.runs)
            views.append(self._views[v])
            views[-1].storage.last = len(self.runs)
        self._check_numbers(launch, native)
        self.runs.append(_Run(native, views, launch.numbers, room))

    def _input(self, v: int, type_: ArrayType) -> _View:
        """The view of a value; one that comes from outside must be a row-major array of the type, which the plan checks."""
        found = self._views.get(v)
        if found is None:
            whole = ArrayType(type_.shape, type_.dtype, row_major(type_.shape, type_.dtype.itemsize))
            found = self._views[v] = _View(_Storage(type_.dtype, type_.shape, v), 0, whole)
        if found.type.dtype != type_.dtype or prod(found.type.shape) != prod(type_.shape):
            raise Declined(self._launch)
        return found

    def _readable(self, launch: Launch, native: Native, views: list[_View]) -> tuple[Native, list[_View]]:
        """The kernel that reads the views as they lie, or copies of them for the one that does not."""
        loose = [i for i, v in enumerate(views) if not _is_tidy(v.type)]
        if not loose:
            return native, views
        if any(j in loose for j in native.code.inplace) or not isinstance(native.slow, Fallback):
            raise Declined(launch)
        if native.slow.strided is not None:
            strides = tuple([_strides(v.type) for v in views])
            direct = native_of(native.slow.strided(strides))
            if direct is not None and all(len(v.type.shape) == len(t.shape) for v, t in zip(views, native.inputs)):
                return direct, views
        return native, [self._copy(launch, v) if i in loose else v for i, v in enumerate(views)]

    def _copy(self, launch: Launch, view: _View) -> _View:
        shape, strides, dtype = view.type.shape, _strides(view.type), view.type.dtype.name
        if dtype not in ("float32", "float64"):
            raise Declined(launch)
        copy = native_of(turned_copy(shape, strides, dtype) or _view_copy(shape, strides, dtype))
        if copy is None:
            raise Declined(launch)
        out = ArrayType(shape, view.type.dtype, row_major(shape, view.type.dtype.itemsize))
        copied = _View(_Storage(out.dtype, shape), 0, out)
        view.storage.last = copied.storage.first = copied.storage.last = len(self.runs)
        self.runs.append(_Run(copy, [view, copied], (), None))
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
        storages = list({id(v.storage): v.storage for run in self.runs for v in run.views}.values())
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
            parts, temporaries, any(run.native.config[RELEASE] for run in self.runs),
            self.by_python(arrays, results), [self.runs, taken, fresh],
        )  # fmt: skip

    def _share(self, temporaries: Sequence[_Storage]) -> int:
        """Places for temporaries, those that live at the same time apart; the bytes of all."""
        rooms = [r.scratch for r in self.runs if r.scratch is not None]
        heirs = self._heirs({id(s) for s in temporaries})
        for i, run in enumerate(self.runs):
            if run.scratch is not None:
                run.scratch.first = run.scratch.last = i
        placed: list[_Storage] = []
        for s in sorted([*temporaries, *rooms], key=lambda s: s.first):
            placed = [p for p in placed if p.last >= s.first]
            s.offset = heirs[id(s)].offset if id(s) in heirs else _room(s.nbytes, placed)
            placed.append(s)
        return max([s.offset + s.nbytes for s in (*temporaries, *rooms)], default=0)

    def _heirs(self, temporaries: set[int]) -> dict[int, _Storage]:
        """Results that take the memory of an argument that dies with their launch, by id: less memory is less to fetch."""
        found: dict[int, _Storage] = {}
        for at, run in enumerate(self.runs):
            n, code = len(run.native.inputs), run.native.code
            taken = {id(run.views[j].storage) for j in code.inplace if j is not None}
            for places, out in zip(code.over, run.views[n:], strict=False):
                if out.storage.first != at or id(out.storage) not in temporaries:
                    continue
                read = [id(v.storage) for i, v in enumerate(run.views[:n]) if i not in places]
                for v in [run.views[j] for j in places]:
                    dies = v.storage.last == at and id(v.storage) in temporaries - taken
                    if dies and id(v.storage) not in read and _alike(v, out):
                        found[id(out.storage)] = v.storage
                        taken.add(id(v.storage))
                        break
        return found

    def _part(self, run: _Run, value: dict[int, int], n_arrays: int) -> Part:
        """The context of a launch: pointers, numbers, scratch, own slots."""

        def place(s: _Storage) -> tuple[int, int]:
            return (value[id(s)], 0) if id(s) in value else (BLOCK, s.offset)

        context = []
        for view in run.views:
            which, offset = place(view.storage)
            context.append((which, offset + view.offset))
        for n, kind in zip(run.numbers, run.native.code.kinds, strict=True):
            context.append((FIRST + n_arrays + n.place, 0) if isinstance(n, Slot) else (ZERO, _bits(n, kind)))
        config = run.native.config
        context.append((ZERO, 0) if run.scratch is None else (BLOCK, run.scratch.offset))
        context.append((ZERO, config.ctypes.data + 8 * run.native.own))
        return Part(run.native.launch, config.ctypes.data, context)

    def by_python(self, arrays: Sequence[int], results: Sequence[int]) -> Callable[..., Any]:
        """The launches one by one: for arrays that the plan does not take."""
        launches = self.launches

        def slow(given: tuple[Any, ...], numbers: tuple[Any, ...]) -> tuple[Any, ...]:
            values = dict(zip(arrays, given, strict=True))
            for l in launches:
                l.run(values, numbers)
            return tuple([values[v] for v in results])

        return slow


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


def _strides(t: ArrayType) -> tuple[int, ...]:
    return t.strides or row_major(t.shape, t.dtype.itemsize)


def _alike(a: _View, b: _View) -> bool:
    """Whether two views are all of their memory, element by element alike."""
    whole = all(v.storage.nbytes == prod(v.type.shape) * v.type.dtype.itemsize and _is_tidy(v.type) for v in (a, b))
    return whole and a.type.dtype == b.type.dtype and a.storage.nbytes == b.storage.nbytes


def _room(nbytes: int, placed: Sequence[_Storage]) -> int:
    """The first gap of so many bytes between those that are placed."""
    at = 0
    for p in sorted(placed, key=lambda p: p.offset):
        if p.offset >= at + nbytes:
            break
        at = max(at, -(-(p.offset + p.nbytes) // 64) * 64)
    return at


def _is_tidy(t: ArrayType) -> bool:
    return not t.strides or row_major_like(t.shape, t.strides, t.dtype.itemsize)


def _bits(number: Any, kind: str) -> int:
    """A number as the 64 bits of a slot."""
    if kind == "double":
        return int(struct.unpack("<q", struct.pack("<d", number))[0])
    return (int(number) + (1 << 63)) % (1 << 64) - (1 << 63)
