"""The short path of an op call as machine code: what the text of `core/calls.py` does, without the interpreter.

It reads the slots of tensors, cells, plans and tapes where CPython keeps them; their offsets are asked of the classes. Every
case that the short path leaves to the long one it leaves, too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ....core.contract import Cell, Plan, Tape, Tensor, next_id, next_serial
from .ir import Function, V, module
from .kernel import builtin
from .layout import DATA, ITEMS
from .runtime import SLOTS, runtime

__all__ = ["short_call"]

# slots of the builtin's `self`
RT, SLOW, SPEC, PLANS, TENSOR, CELL, TAPE, IDS, SERIALS, ZERO, TRUE, ARRAY = range(12)
_TYPE = 8  # byte offset in PyObject
_MEMBER, _OFFSET = 40, 16  # of PyMemberDescrObject's definition; of the offset in PyMemberDef
_ARRAY_NAME = "array"


def short_call(spec: Any, slow: Callable[..., Any], operands: int, scalars: int, has_attrs: bool) -> Any:
    """A builtin of (operands, scalars, attrs), see `core.calls.short_call`; None where slots are not found."""
    if not _slots_agree():
        return None
    counters: tuple[Any, ...] = (next_id, next_serial)
    kept = (slow, spec, spec.plans, Tensor, Cell, Tape, *[c.__self__ for c in counters], 0, True, _ARRAY_NAME)
    config = np.array([runtime().address, *map(id, kept)], np.int64)
    return builtin(_text(operands, scalars, has_attrs, spec.uniform), spec.name, config, kept)


@cache
def _text(operands: int, scalars: int, has_attrs: bool, uniform: bool) -> str:
    return module(_Writer(operands, scalars, has_attrs, uniform).write())


@cache
def _offset(cls: type, name: str) -> int:
    """Bytes from an object of `cls` to its slot `name`."""
    definition = ctypes.c_void_p.from_address(id(cls.__dict__[name]) + _MEMBER).value or 0
    return ctypes.c_ssize_t.from_address(definition + _OFFSET).value


@cache
def _slots_agree() -> bool:
    """Whether slots are where `_offset` says."""
    classes: tuple[Any, ...] = (Tensor, Cell, Plan, Tape)
    for cls in classes:
        x: Any = object.__new__(cls)
        for name in set(cls.__slots__) - {"__weakref__"}:
            setattr(x, name, mark := object())
            if ctypes.c_void_p.from_address(id(x) + _offset(cls, name)).value != id(mark):
                return False
    return True


class _Writer:
    def __init__(self, operands: int, scalars: int, has_attrs: bool, uniform: bool) -> None:
        b = self.b = Function("ptr @kernel(ptr %self, ptr %args, i64 %nargs)")
        self.args, self.nargs = b.arg("args"), b.arg("nargs", "i64")
        self.cfg = b.load(b.at(b.arg("self"), DATA), "ptr", 8)
        self.rt, self.null = b.slot(self.cfg, RT, "ptr"), b.const(0, "ptr")
        self.none = b.slot(self.rt, SLOTS["none"], "ptr")
        self.n, self.k, self.has_attrs, self.uniform = operands, scalars, has_attrs, uniform

    # ----- objects

    def _api(self, name: str, type_: str, *xs: V) -> V:
        return self.b.call(self.b.slot(self.rt, SLOTS[name], "ptr"), type_, *xs)

    def _known(self, which: int) -> V:
        return self.b.slot(self.cfg, which, "ptr")

    def _incref(self, x: V) -> V:
        self._api("incref", "void", x)
        return x

    def _decref(self, *xs: V) -> None:
        for x in xs:
            self._api("decref", "void", x)

    def _get(self, cls: type, x: V, name: str) -> V:
        return self.b.load(self.b.at(x, _offset(cls, name)), "ptr", 8)

    def _set(self, cls: type, x: V, **slots: V) -> None:
        """Fill slots, which takes the references over."""
        for name, value in slots.items():
            self.b.store(value, self.b.at(x, _offset(cls, name)), 8)

    def _tuple(self, items: list[V]) -> V:
        """A tuple that takes references of its own."""
        made = self._api("tuple_new", "ptr", self.b.const(len(items)))
        self._unless(made.cmp("ne", 0), self._fail)
        for i, x in enumerate(items):
            self.b.store(self._incref(x), self.b.at(made, ITEMS + 8 * i), 8)
        return made

    def _type_of(self, x: V) -> V:
        return self.b.load(self.b.at(x, _TYPE), "ptr", 8)

    # ----- ways out

    def _unless(self, good: V, out: Callable[[], None]) -> None:
        with self.b.when(good.cmp("eq", 0), ends=True):
            out()

    def _slow(self) -> None:
        self.b.ret(self._api("vectorcall", "ptr", self._known(SLOW), self.args, self.nargs, self.null))

    def _fail(self, *drop: V) -> None:
        """An error is set; where memory has run out, what was made before is not given back."""
        self._decref(*drop)
        self.b.ret(self.null)

    # ----- the call

    def write(self) -> Function:
        b = self.b
        argv, held = b.stack("ptr", max(1, self.n + self.k)), b.stack("ptr", self.n + 1)
        self._unless(self.nargs.cmp("eq", self.n + self.k + self.has_attrs), self._slow)
        self.x = [b.slot(self.args, i, "ptr") for i in range(self.n)]
        self.scalars = [b.slot(self.args, self.n + j, "ptr") for j in range(self.k)]
        plan, device = self._plan()
        tape, traced = self._tapes()
        cells = [self._get(Tensor, x, "_cell") for x in self.x]
        arrays = self._arrays(cells)
        self._incref(plan), self._incref(tape)
        for i, o in enumerate((*arrays, *self.scalars)):
            b.store(o, b.at(argv, 8 * i), 8)
        count = b.const(self.n + self.k)
        value = self._api("vectorcall", "ptr", self._get(Plan, plan, "kernel"), argv, count, self.null)
        self._decref(*arrays)
        self._unless(value.cmp("ne", 0), lambda: self._fail(plan, tape))
        cell, out = self._result(value, plan, device, tape)
        with b.when(traced.cmp("eq", 0), ends=True):
            self._set(Tensor, out, _serial=self._incref(self.none), id=self._next(IDS))
            self._decref(plan)
            b.ret(out)
        for i, c in enumerate((cell, *cells)):
            b.store(c, b.at(held, 8 * i), 8)
        self._record(plan, tape, out, held)
        self._hand_over()
        self._decref(plan)
        b.ret(out)
        return b

    def _plan(self) -> tuple[V, V]:
        """(the plan of these types, the device) - both borrowed."""
        b, tensor = self.b, self._known(TENSOR)
        for x in self.x:
            self._unless(self._type_of(x).cmp("eq", tensor), self._slow)
            for name in ("_type", "_cell", "_tape", "id"):  # somebody may have deleted them
                self._unless(self._get(Tensor, x, name).cmp("ne", 0), self._slow)
        types = [self._get(Tensor, x, "_type") for x in self.x]
        if self.uniform:
            for t in types[1:]:
                self._unless(t.cmp("eq", types[0]), self._slow)
            key = types[0]
        else:
            key = self._tuple([*types, *[b.slot(self.args, self.n + self.k, "ptr")] * self.has_attrs])
        plan = self._api("dict_get", "ptr", self._known(PLANS), key)
        if not self.uniform:
            self._decref(key)
        with b.when(plan.cmp("eq", 0), ends=True):
            self._unless(self._api("error", "ptr").cmp("eq", 0), self._fail)
            self._slow()
        device = self._get(Plan, plan, "device")
        for x in self.x:
            self._unless(self._get(Tensor, x, "device").cmp("eq", device), self._slow)
        return plan, device

    def _tapes(self) -> tuple[V, V]:
        """(the operands' one tape or None, whether there is one); several, lost and shared ones are for the long path."""
        b, none = self.b, self.none
        tape = self._get(Tensor, self.x[0], "_tape")
        for x in self.x[1:]:
            other = self._get(Tensor, x, "_tape")
            two = other.cmp("ne", none) & tape.cmp("ne", none) & other.cmp("ne", tape)
            self._unless(two.cmp("eq", 0), self._slow)
            tape = b.select(other.cmp("ne", none), other, tape)
        traced = tape.cmp("ne", none)
        lost, view = (self._any(name) for name in ("_serial", "_view"))
        self._unless((lost & traced.cmp("eq", 0)).cmp("eq", 0), self._slow)
        with b.when(traced):
            self._unless(self._type_of(tape).cmp("eq", self._known(TAPE)), self._slow)
            shared = self._get(Tape, tape, "shared").cmp("eq", self._known(TRUE))
            self._unless((shared | view).cmp("eq", 0), self._slow)
        return tape, traced

    def _any(self, name: str) -> V:
        """Whether the slot of any operand is not None."""
        found = self.b.const(0, "i1")
        for x in self.x:
            found = self._get(Tensor, x, name).cmp("ne", self.none) | found
        return found

    def _arrays(self, cells: list[V]) -> list[V]:
        """The arrays, as references of our own: another thread may write while a kernel runs."""
        b, plain = self.b, self._known(CELL)
        arrays: list[V] = []
        for cell in cells:
            array = b.either(self._type_of(cell).cmp("eq", plain), partial(self._read, cell), partial(self._ask, cell))
            self._unless(array.cmp("ne", 0), lambda: self._fail(*arrays))
            arrays.append(array)
        return arrays

    def _read(self, cell: V) -> V:
        return self._incref(self._get(Cell, cell, "array"))

    def _ask(self, cell: V) -> V:
        """The array of a view's cell, which is a property."""
        return self._api("get_attr", "ptr", cell, self._known(ARRAY))

    def _new(self, which: int) -> V:
        made = self._api("alloc_object", "ptr", self._known(which), self.b.const(0))
        self._unless(made.cmp("ne", 0), self._fail)
        return made

    def _next(self, which: int) -> V:
        return self._api("iter_next", "ptr", self._known(which))

    def _result(self, value: V, plan: V, device: V, tape: V) -> tuple[V, V]:
        """(its cell, the result), but for the id; takes the references of value and tape over."""
        cell = self._new(CELL)
        self._set(Cell, cell, array=value, version=self._incref(self._known(ZERO)))
        out = self._new(TENSOR)
        self._set(
            Tensor, out, _cell=cell, _tape=tape, _type=self._incref(self._get(Plan, plan, "type")),
            device=self._incref(device), _view=self._incref(self.none),
        )  # fmt: skip
        return cell, out

    def _record(self, plan: V, tape: V, out: V, held: V) -> None:
        """Append the entry: (serial, plan, input ids, None, saved cells, scalars)."""
        serial = self._next(SERIALS)
        self._set(Tensor, out, _serial=serial, id=self._incref(serial))
        ids, scalars = self._tuple([self._get(Tensor, x, "id") for x in self.x]), self._tuple(self.scalars)
        saved = self._saved(self._get(Plan, plan, "saves"), held)
        entry = self._tuple([serial, plan, ids, self.none, saved, scalars])
        self._decref(ids, saved, scalars)
        bad = self._api("append", "i32", self._get(Tape, tape, "entries"), entry)
        self._decref(entry)
        self._unless(bad.cmp("eq", 0), self._fail)

    def _saved(self, places: V, held: V) -> V:
        """The cells to save: -1 stands for the result, which is the first of those held."""
        b, count = self.b, self.b.load(self.b.at(places, 16))
        saved = self._api("tuple_new", "ptr", count)
        self._unless(saved.cmp("ne", 0), self._fail)
        with b.loop(0, count) as loop:
            place = self._api("as_u64", "i64", b.slot(b.at(places, ITEMS), loop.i, "ptr"))
            cell = self._incref(b.slot(held, place + 1, "ptr"))
            b.store(cell, b.at(b.at(saved, ITEMS), loop.i, "i64"), 8)
        return saved

    def _hand_over(self) -> None:
        """The operands give their tape to the result."""
        spec = self._known(SPEC)
        for x in self.x:
            tape, taker = self._get(Tensor, x, "_tape"), self._get(Tensor, x, "_taker")
            with self.b.when(tape.cmp("ne", self.none)):
                self._set(Tensor, x, _tape=self._incref(self.none), _taker=self._incref(spec))
                self._decref(tape, taker)
