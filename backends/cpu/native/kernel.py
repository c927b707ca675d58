"""A kernel: a CPython builtin that checks its arguments, makes its results, and runs machine code over them.

Code is shared by all shapes: what depends on the shape is in the builtin's `self`, an int64 array of slots.

    slot   0 table of the runtime   1 fallback   2 tasks   3 tasks in a chunk   4 whether to release the GIL   5 arguments
           6 scratch bytes          8 on: an ArraySlots for each array, inputs first; then slots of the kernel's own

Whatever does not pass the checks (another type, dtype, size, layout) goes to the fallback, a Python callable, so no
argument can crash a kernel.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .compiler import compile_ir
from .ir import CHECKED, Function, V, module
from .layout import DATA, usable
from .runtime import READABLE, SLOTS, WRITABLE, runtime

__all__ = [
    "ArrayType", "Code", "Context", "Entry", "Guarded", "Native", "Several", "assemble", "builtin", "empty_kernel", "make_kernel", "native_of",
    "task_function",
]  # fmt: skip

RT, SLOW, TASKS, GRAIN, RELEASE, NARGS, SCRATCH, ARRAYS = 0, 1, 2, 3, 4, 5, 6, 8
DESCR_, COUNT, BYTES, RANK, DIMS_, STRIDES_, ARRAY_SLOTS = 0, 1, 2, 3, 4, 12, 20
_FASTCALL = 0x80
_definitions: dict[tuple[int, str], Any] = {}


class _MethodDef(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


class ArrayType(NamedTuple):
    """Shape and NumPy dtype of an argument or result; of a view also the strides."""

    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...] = ()

    def slots(self) -> list[int]:
        """What a kernel reads of it."""
        n = prod(self.shape)
        dims, strides = ([*x, *[0] * (8 - len(x))] for x in (self.shape, self.strides))
        return [id(self.dtype), n, n * self.dtype.itemsize, len(self.shape), *dims, *strides]


class Code(NamedTuple):
    """The text of a kernel's module, and what its entry takes: see `Entry`.

    * `alias`: whether it makes a view, and runs nothing.
    * `over`: for each output the inputs whose memory it may take: each element is read before it is written.
    * `each`: whether its one stage, `body`, has a task for each element of its arrays.
    * `post`: the own slot of a task function, and of where its context lies in this one's, that runs over the elements of
      the result as they are done; 0 where there is none.
    """

    text: str
    kinds: tuple[str, ...] = ()
    inplace: tuple[int | None, ...] = ()
    views: frozenset[int] = frozenset()
    alias: bool = False
    over: tuple[tuple[int, ...], ...] = ()
    each: bool = False
    post: int | None = None


class Native(NamedTuple):
    """What a builtin of this file is made of, for plans that run its stages without its checks."""

    code: Code
    launch: int  # the address of launch(config, context)
    config: Any
    inputs: tuple[ArrayType, ...]
    outputs: tuple[ArrayType, ...]
    slow: Callable[..., Any]

    @property
    def own(self) -> int:
        """The first own slot."""
        return ARRAYS + ARRAY_SLOTS * (len(self.inputs) + len(self.outputs))


def native_of(kernel: Any) -> Native | None:
    """The parts of a kernel that `make_kernel` made."""
    parts = getattr(kernel, "__module__", None)
    return parts if type(parts) is Native else None


class Several:
    """A kernel of several results: each has a kernel of its own, and the places of that one's arguments."""

    def __init__(self, *parts: tuple[Callable[..., Any], tuple[int, ...]]) -> None:
        self.parts = parts

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        return tuple([kernel(*[arrays[i] for i in places]) for kernel, places in self.parts])


class Guarded:
    """A kernel, and a check of its argument `place` that raises, or gives what the kernel takes for it."""

    def __init__(self, check: Callable[[Any], Any], kernel: Callable[..., Any], place: int) -> None:
        self.check, self.kernel, self.place = check, kernel, place

    def __call__(self, *args: Any) -> Any:
        given = list(args)
        given[self.place] = self.check(given[self.place])
        return self.kernel(*given)


class Context:
    """What a task function sees: pointers and scalars that the entry has put into its context array."""

    def __init__(self, b: Function, n_arrays: int, n_scalars: int) -> None:
        self.b, self.ctx = b, b.arg("ctx")
        self.arrays = [b.slot(self.ctx, k, "ptr") for k in range(n_arrays)]
        self._scalars, self._own = n_arrays, n_arrays + n_scalars
        if CHECKED:
            slots = b.at(b.slot(self.ctx, self._own + 1, "ptr"), -ARRAY_SLOTS * n_arrays, "i64")
            for k, array in enumerate(self.arrays):
                array.region = (V(b, "ptr", array.name), b.slot(slots, ARRAY_SLOTS * k + BYTES))
            self._room = b.slot(slots, SCRATCH - ARRAYS)

    def scalar(self, j: int, type_: str) -> V:
        """Runtime scalar j, as `double` or `i64`."""
        return self.b.slot(self.ctx, self._scalars + j, type_)

    def scratch(self) -> V:
        """The scratch block of this call."""
        block = self.b.slot(self.ctx, self._own, "ptr")
        if CHECKED:
            block.region = (V(self.b, "ptr", block.name), self._room)
        return block

    def own(self, i: int) -> V:
        """Own slot i of the kernel."""
        return self.b.load(self.own_at(i), "i64")

    def own_at(self, i: int) -> V:
        """Where own slot i and those after it are."""
        return self.b.at(self.b.slot(self.ctx, self._own + 1, "ptr"), i, "i64")


def task_function(name: str, internal: bool = True) -> Function:
    """The head of a function over tasks lo to hi; any split of the tasks gives the same bits."""
    return Function(f"{'internal ' if internal else ''}void @{name}(ptr %ctx, i64 %lo, i64 %hi)")


class Entry:
    """Writes the entry of a kernel: checks, results, scratch, stages, return.

    * `n_in` arrays, then scalars of `kinds` ("double" or "i64"); `inplace`: for each output the input it overwrites, or None.
    * `stages`: task functions run one after another, each with its own (tasks, grain) slots after the arrays' slots:
      stage 0 uses TASKS and GRAIN, stage s > 0 the own slots 2 s - 2 and 2 s - 1.
    * `packed`: return a tuple, also of one result.
    """

    def __init__(
        self,
        n_in: int,
        kinds: Sequence[str],
        inplace: Sequence[int | None],
        stages: Sequence[str],
        views: Collection[int] = (),
        packed: bool = False,
    ) -> None:
        self.views = views  # inputs that must have the very dims and strides of their slots
        self.packed = packed or len(inplace) != 1
        self.n_in, self.kinds, self.inplace, self.stages = n_in, list(kinds), list(inplace), list(stages)
        self.b = Function("ptr @kernel(ptr %self, ptr %args, i64 %nargs)")
        self.n_arrays = n_in + len(self.inplace)
        self.own = ARRAYS + ARRAY_SLOTS * self.n_arrays

    def _rt(self, name: str, type_: str = "ptr") -> V:
        return self.b.slot(self.rt, SLOTS[name], type_)

    def write(self) -> Function:
        b = self.b
        self.cfg = b.load(b.at(b.arg("self"), DATA), "ptr", 8)
        self.rt = b.slot(self.cfg, RT, "ptr")
        self.args = b.arg("args")
        k = len(self.kinds)
        self.ctx = b.stack("i64", self.n_arrays + k + 2)
        numbers = [b.stack("i64", 1, 8) for _ in self.kinds]
        self.slow, self.lost = b.label("slow"), b.label("lost")
        self._guard(b.arg("nargs", "i64").cmp("eq", b.slot(self.cfg, NARGS)))
        inputs, pointers = self._inputs()
        self._numbers(numbers)
        results = self._results(inputs, pointers)
        for i, p in enumerate(pointers):
            b.store(p, b.at(self.ctx, i, "i64"), 8)
        for j, place in enumerate(numbers):
            b.store(b.load(place), b.at(self.ctx, self.n_arrays + j, "i64"))
        b.store(b.at(self.cfg, self.own, "i64"), b.at(self.ctx, self.n_arrays + k + 1, "i64"), 8)
        self._run()
        self._return(results)
        self._exits(results)
        return b

    def launch(self) -> Function:
        """launch(config, context): the stages, once the context is filled."""
        b = Function("void @launch(ptr %cfg, ptr %ctx)")
        cfg, ctx = b.arg("cfg"), b.arg("ctx")
        for s, name in enumerate(self.stages):
            tasks, grain = (TASKS, GRAIN) if s == 0 else (self.own + 2 * s - 2, self.own + 2 * s - 1)
            n, per, fn = b.slot(cfg, tasks), b.slot(cfg, grain), V(b, "ptr", f"@{name}")

            def here(fn: V = fn, n: V = n) -> None:
                b.call(fn, "void", ctx, b.const(0), n)

            def spread(fn: V = fn, n: V = n, per: V = per) -> None:
                rt = b.slot(cfg, RT, "ptr")
                b.call(b.slot(rt, SLOTS["run"], "ptr"), "void", rt, fn, ctx, n, per)

            b.either(n.cmp("sle", per), here, spread)
        b.ret()
        return b

    def _guard(self, good: V) -> None:
        """Go on where good, else to the fallback."""
        following = self.b.label("on")
        self.b.branch(good, following, self.slow)
        self.b.start(following)

    def _array_slot(self, k: int, which: int, type_: str = "i64") -> V:
        return self.b.slot(self.cfg, ARRAYS + ARRAY_SLOTS * k + which, type_)

    def _inputs(self) -> tuple[list[V], list[V]]:
        b, objects, pointers = self.b, [], []
        for i in range(self.n_in):
            o = b.slot(self.args, i, "ptr")
            flags = b.const(WRITABLE if i in self.inplace else READABLE, "i32")
            descr, count = self._array_slot(i, DESCR_, "ptr"), self._array_slot(i, COUNT)
            if i in self.views:
                dims, strides = (b.at(self.cfg, ARRAYS + ARRAY_SLOTS * i + s, "i64") for s in (DIMS_, STRIDES_))
                p = b.call(self._rt("check_view"), "ptr", self.rt, o, descr, self._array_slot(i, RANK), dims, strides)
            else:
                p = b.call(self._rt("check"), "ptr", self.rt, o, descr, count, flags)
            objects.append(o)
            pointers.append(p)
        for p in pointers:
            self._guard(p.cmp("ne", 0))
        return objects, pointers

    def _numbers(self, places: list[V]) -> None:
        b = self.b
        for j, (kind, place) in enumerate(zip(self.kinds, places, strict=True)):
            o = b.slot(self.args, self.n_in + j, "ptr")
            self._guard(b.call(self._rt("number" if kind == "double" else "integer"), "i1", self.rt, o, place))

    def _results(self, inputs: list[V], pointers: list[V]) -> list[tuple[V, bool]]:
        """The result objects, each with whether it is new."""
        b: Function = self.b
        made: list[tuple[V, bool]] = []
        for k, j in enumerate(self.inplace):
            if j is not None:
                made.append((inputs[j], False))
                pointers.append(pointers[j])
                continue
            at = self.n_in + k
            dims = b.at(self.cfg, ARRAYS + ARRAY_SLOTS * at + DIMS_, "i64")
            o = b.call(
                self._rt("new"), "ptr", self.rt, self._array_slot(at, DESCR_, "ptr"), self._array_slot(at, RANK), dims,
                self._array_slot(at, BYTES),
            )  # fmt: skip
            self._or_undo(o.cmp("ne", 0), made)
            made.append((o, True))
            pointers.append(b.load(b.at(o, DATA), "ptr", 8))
        return made

    def _or_undo(self, good: V, made: list[tuple[V, bool]]) -> None:
        """Where memory has run out: drop what was made and return null, the error being set."""
        b = self.b
        following, undo = b.label("on"), b.label("undo")
        b.branch(good, following, undo)
        b.start(undo)
        for o, new in made:
            if new:
                b.call(self._rt("decref"), "void", o)
        b.ret(b.const(0, "ptr"))
        b.start(following)

    def _run(self) -> None:
        b = self.b
        nbytes = b.slot(self.cfg, SCRATCH)
        place = b.at(self.ctx, self.n_arrays + len(self.kinds), "i64")
        wants = nbytes.cmp("sgt", 0)
        scratch = b.either(wants, lambda: b.call(self._rt("alloc"), "ptr", self.rt, nbytes), lambda: b.const(0, "ptr"))
        b.store(scratch, place, 8)
        with b.when(wants & scratch.cmp("eq", 0), ends=True):
            b.ret(b.call(self._rt("no_memory"), "ptr"))
        release = b.slot(self.cfg, RELEASE).cmp("ne", 0)
        state = b.either(release, lambda: b.call(self._rt("save_thread"), "ptr"), lambda: b.const(0, "ptr"))
        b.call("@launch", "void", self.cfg, self.ctx)
        with b.when(release):
            b.call(self._rt("restore_thread"), "void", state)
        with b.when(wants):
            b.call(self._rt("release_block"), "void", self.rt, scratch)

    def _return(self, results: list[tuple[V, bool]]) -> None:
        b = self.b
        for o, new in results:
            if not new:
                b.call(self._rt("incref"), "void", o)
        if not self.packed:
            b.ret(results[0][0])
            return
        pack = b.call(self._rt("tuple_new"), "ptr", b.const(len(results)))
        following, out = b.label("on"), b.label("undo")
        b.branch(pack.cmp("ne", 0), following, out)
        b.start(out)
        for o, _ in results:
            b.call(self._rt("decref"), "void", o)
        b.ret(pack)
        b.start(following)
        for i, (o, _) in enumerate(results):
            b.call(self._rt("tuple_set"), "i32", pack, b.const(i), o)
        b.ret(pack)

    def _exits(self, results: list[tuple[V, bool]]) -> None:
        b = self.b
        b.start(self.slow)
        slow = b.slot(self.cfg, SLOW, "ptr")
        b.ret(b.call(self._rt("vectorcall"), "ptr", slow, self.args, b.arg("nargs", "i64"), b.const(0, "ptr")))


def make_kernel(
    code: Code, name: str, inputs: Sequence[ArrayType], outputs: Sequence[ArrayType], n_scalars: int, slow: Callable[..., Any], *,
    tasks: int, grain: int, release: bool = False, scratch: int = 0, own: Sequence[int] = (),
) -> Callable[..., Any]:  # fmt: skip
    """The builtin of a module's function `kernel` for one shape."""
    slots = [runtime().address, id(slow), tasks, grain, int(release), len(inputs) + n_scalars, scratch, 0]
    for a in (*inputs, *outputs):
        slots += a.slots()
    config = np.array([*slots, *own], np.int64)
    launch = 0 if code.alias else compile_ir(code.text, "launch")
    return builtin(code.text, name, config, Native(code, launch, config, tuple(inputs), tuple(outputs), slow))


def builtin(text: str, name: str, config: Any, keep: Any) -> Callable[..., Any]:
    """A CPython builtin around a module's function `kernel`; `keep` rides in `__module__`: what the slots of `config` point at."""
    address = compile_ir(text)
    definition = _definitions.get((address, name))
    if definition is None:
        definition = _definitions[address, name] = _MethodDef(name.encode(), address, _FASTCALL, None)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    return make(ctypes.addressof(definition), config, keep)  # type: ignore[no-any-return]


def assemble(entry: Entry, *functions: Function) -> Code:
    """The module of an entry and its task functions."""
    text = module(*functions, entry.launch(), entry.write())
    return Code(text, tuple(entry.kinds), tuple(entry.inplace), frozenset(entry.views))


def empty_kernel(shape: tuple[int, ...], dtype: Any) -> Callable[..., Any]:
    """A function that makes an uninitialised array over memory of the pool; NumPy's own where there is none."""
    if not usable():
        return lambda: np.empty(shape, dtype)
    code = assemble(Entry(0, [], [None], []))
    return make_kernel(code, "empty", [], [ArrayType(shape, dtype)], 0, _no_arguments, tasks=0, grain=1)


def _no_arguments(*_: Any) -> Any:
    raise TypeError("empty() takes no arguments")
