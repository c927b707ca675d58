"""What all kernels call, as machine code: allocation from a pool, checks of arguments, new arrays, fork and join.

One table of 8-byte slots holds every address and all state (`SLOTS` names them); kernels get its address and refer to
nothing else. Arrays that kernels return own memory of the pool through NumPy's allocator hook (NEP 49): whatever still
sees an array (a view, a DLPack capsule, another library) keeps it alive, and only its death returns the memory.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

import numpy as np

from .compiler import compile_ir
from .ir import Function, V, module
from .layout import DATA, DESCR, DIMS, FLAGS, HANDLER, NDIM, STRIDES, numpy_api

__all__ = ["SLOTS", "Runtime", "runtime"]

_EXTERNAL = [
    "array_type",
    "none",
    "new_from_descr",
    "handler",
    "save_thread",
    "restore_thread",
    "as_double",
    "error",
    "clear",
    "tuple_new",
    "vectorcall",
    "as_u64",
    "no_memory",
    "tuple_set",
    "float_type",
    "tuple_type",
    "incref",
    "decref",
    "dict_get",
    "get_attr",
    "alloc_object",
    "iter_next",
    "append",
    "aligned_alloc",
    "free",
    "madvise",
    "syscall",
    "pthread_create",
    "pthread_detach",
    "sched_yield",
]
_OWN = ["check", "check_view", "new", "run", "number", "integer", "alloc", "release_block"]
_STATE = {"cached": 64, "in_use": 65, "cap": 66, "peak": 67, "ticket": 72, "gen": 80, "done": 88, "fn": 96, "ctx": 97, "n": 98,
          "grain": 99, "chunks": 100, "lock": 104, "sleepers": 105, "started": 106, "threads": 107, "spin": 108, "worker": 109, "joiner": 110,
          "placed": 111, "places": 112, "masks": 113, "heads": 128}  # fmt: skip
SLOTS: dict[str, int] = {**{name: i for i, name in enumerate((*_EXTERNAL, *_OWN))}, **_STATE}
_SIZE = SLOTS["heads"] + 256
_MASK_BYTES = 128  # of a set of cores, as the system call takes it
HEADER = 64  # bytes before each block: its size
WRITABLE, READABLE = 0x501, 0x101  # NumPy's flags: C-contiguous, aligned, writeable


def slot(b: Function, rt: V, name: str, type_: str = "i64") -> V:
    """A slot of the table, by name."""
    return b.slot(rt, SLOTS[name], type_)


def _place(b: Function, rt: V, name: str) -> V:
    return b.at(rt, SLOTS[name], "i64")


def _class_of(b: Function, nbytes: V) -> tuple[V, V]:
    """(rounded size, index of its free list): four sizes to each power of two."""
    least = b.max(nbytes, 64)
    top = _log2(b, least)
    step = b.const(1) << (top - 2)
    rounded = (least + (step - 1)) & (b.const(0) - step)
    top2 = _log2(b, rounded)
    return rounded, (top2 << 2) + ((rounded >> (top2 - 2)) & 3)


def _log2(b: Function, x: V) -> V:
    b.declarations.add("declare i64 @llvm.ctlz.i64(i64, i1)")
    return b.const(63) - b.emit(f"call i64 @llvm.ctlz.i64({x}, i1 true)", "i64")


def _add_to(b: Function, p: V, amount: V) -> V:
    total = b.load(p) + amount
    b.store(total, p)
    return total


def _alloc() -> Function:
    """alloc(rt, bytes): a 64-byte aligned block, or null. The GIL is the lock."""
    b = Function("ptr @alloc(ptr %rt, i64 %bytes)")
    rt = b.arg("rt")
    rounded, index = _class_of(b, b.arg("bytes", "i64"))
    head = b.at(_place(b, rt, "heads"), index, "i64")
    first = b.load(head, "ptr", 8)
    used = _add_to(b, _place(b, rt, "in_use"), rounded)
    peak = b.load(_place(b, rt, "peak"))
    b.store(b.max(used, peak), _place(b, rt, "peak"))
    with b.when(first.cmp("ne", 0), ends=True):
        b.store(b.load(first, "ptr", 8), head, 8)
        _add_to(b, _place(b, rt, "cached"), b.const(0) - rounded)
        b.ret(first)
    large = rounded.cmp("sgt", (4 << 20) - 1)
    align = b.select(large, b.const(2 << 20), b.const(64))
    total = rounded + HEADER
    total = (total + (align - 1)) & (b.const(0) - align)
    raw = b.call(slot(b, rt, "aligned_alloc", "ptr"), "ptr", align, total)
    with b.when(raw.cmp("eq", 0), ends=True):
        _add_to(b, _place(b, rt, "in_use"), b.const(0) - rounded)
        b.ret(b.const(0, "ptr"))
    with b.when(large):  # huge pages: a first touch costs a tenth
        b.call(slot(b, rt, "madvise", "ptr"), "i32", raw, total, b.const(14, "i32"))
    b.store(rounded, raw)
    b.ret(b.at(raw, HEADER))
    return b


def _release() -> Function:
    """release(rt, block): back to its free list, or to the system where the pool is full."""
    b = Function("void @release(ptr %rt, ptr %block)")
    rt, block = b.arg("rt"), b.arg("block")
    raw = b.at(block, -HEADER)
    size = b.load(raw)
    _add_to(b, _place(b, rt, "in_use"), b.const(0) - size)
    cached = b.load(_place(b, rt, "cached")) + size
    with b.when(cached.cmp("sgt", slot(b, rt, "cap")), ends=True):
        b.call(slot(b, rt, "free", "ptr"), "void", raw)
        b.ret()
    b.store(cached, _place(b, rt, "cached"))
    _, index = _class_of(b, size)
    head = b.at(_place(b, rt, "heads"), index, "i64")
    b.store(b.load(head, "ptr", 8), block, 8)
    b.store(block, head, 8)
    b.ret()
    return b


def _hooks() -> list[Function]:
    """NumPy's allocator interface (malloc, calloc, realloc, free with a context) over the pool."""
    m = Function("ptr @hook_malloc(ptr %rt, i64 %size)")
    m.ret(m.call("@alloc", "ptr", m.arg("rt"), m.arg("size", "i64")))
    c = Function("ptr @hook_calloc(ptr %rt, i64 %n, i64 %size)")
    total = c.arg("n", "i64") * c.arg("size", "i64")
    p = c.call("@alloc", "ptr", c.arg("rt"), total)
    with c.when(p.cmp("ne", 0)):
        c.clear(p, total)
    c.ret(p)
    r = Function("ptr @hook_realloc(ptr %rt, ptr %old, i64 %size)")
    size, old = r.arg("size", "i64"), r.arg("old")
    new = r.call("@alloc", "ptr", r.arg("rt"), size)
    with r.when(new.cmp("ne", 0)):
        held = r.load(r.at(old, -HEADER))
        r.copy(new, old, r.min(held, size))
        r.call("@release", "void", r.arg("rt"), old)
    r.ret(new)
    f = Function("void @hook_free(ptr %rt, ptr %block, i64 %size)")
    with f.when(f.arg("block").cmp("ne", 0)):
        f.call("@release", "void", f.arg("rt"), f.arg("block"))
    f.ret()
    return [m, c, r, f]


def _check() -> Function:
    """check(rt, object, descr, n, flags): the data of an ndarray of this very dtype, n elements and flags; else null."""
    b = Function("ptr @check(ptr %rt, ptr %o, ptr %descr, i64 %n, i32 %flags)")
    rt, o, n, flags = b.arg("rt"), b.arg("o"), b.arg("n", "i64"), b.arg("flags", "i32")
    with b.when(b.load(b.at(o, 8), "ptr", 8).cmp("ne", slot(b, rt, "array_type", "ptr")), ends=True):
        b.ret(b.const(0, "ptr"))
    with b.when(b.load(b.at(o, DESCR), "ptr", 8).cmp("ne", b.arg("descr")), ends=True):
        b.ret(b.const(0, "ptr"))
    with b.when((b.load(b.at(o, FLAGS), "i32") & flags).cmp("ne", flags), ends=True):
        b.ret(b.const(0, "ptr"))
    nd = b.convert("sext", b.load(b.at(o, NDIM), "i32"), "i64")
    dims = b.load(b.at(o, DIMS), "ptr", 8)
    with b.loop(0, nd, 1, b.const(1)) as loop:
        loop.next(loop.values[0] * b.slot(dims, loop.i))
    good = loop.out[0].cmp("eq", n)
    b.ret(b.select(good, b.load(b.at(o, DATA), "ptr", 8), b.const(0, "ptr")))
    return b


def _check_view() -> Function:
    """check_view(rt, object, descr, nd, dims, strides): the data of an aligned ndarray of this very dtype, shape and strides."""
    b = Function("ptr @check_view(ptr %rt, ptr %o, ptr %descr, i64 %nd, ptr %dims, ptr %strides)")
    rt, o, null = b.arg("rt"), b.arg("o"), b.const(0, "ptr")
    with b.when(b.load(b.at(o, 8), "ptr", 8).cmp("ne", slot(b, rt, "array_type", "ptr")), ends=True):
        b.ret(null)
    nd = b.convert("sext", b.load(b.at(o, NDIM), "i32"), "i64")
    other = b.load(b.at(o, DESCR), "ptr", 8).cmp("ne", b.arg("descr")) | nd.cmp("ne", b.arg("nd", "i64"))
    with b.when(other | (b.load(b.at(o, FLAGS), "i32") & 0x100).cmp("eq", 0), ends=True):
        b.ret(null)
    dims, strides = b.load(b.at(o, DIMS), "ptr", 8), b.load(b.at(o, STRIDES), "ptr", 8)
    with b.loop(0, nd, 1, b.const(0)) as loop:
        wrong = b.slot(dims, loop.i) ^ b.slot(b.arg("dims"), loop.i)
        loop.next(loop.values[0] | wrong | (b.slot(strides, loop.i) ^ b.slot(b.arg("strides"), loop.i)))
    b.ret(b.select(loop.out[0].cmp("eq", 0), b.load(b.at(o, DATA), "ptr", 8), null))
    return b


def _new() -> Function:
    """new(rt, descr, nd, dims, bytes): a new row-major array over a block of the pool; null with an error set."""
    b = Function("ptr @new(ptr %rt, ptr %descr, i64 %nd, ptr %dims, i64 %bytes)")
    rt, descr, null = b.arg("rt"), b.arg("descr"), b.const(0, "ptr")
    block = b.call("@alloc", "ptr", rt, b.arg("bytes", "i64"))
    with b.when(block.cmp("eq", 0), ends=True):
        b.ret(b.call(slot(b, rt, "no_memory", "ptr"), "ptr"))
    b.call(slot(b, rt, "incref", "ptr"), "void", descr)
    nd = b.convert("trunc", b.arg("nd", "i64"), "i32")
    o = b.call(
        slot(b, rt, "new_from_descr", "ptr"), "ptr", slot(b, rt, "array_type", "ptr"), descr, nd, b.arg("dims"), null,
        block, b.const(WRITABLE, "i32"), null,
    )  # fmt: skip
    with b.when(o.cmp("eq", 0), ends=True):
        b.call("@release", "void", rt, block)
        b.ret(null)
    at = b.at(o, FLAGS)
    b.store(b.load(at, "i32") | 4, at)  # OWNDATA
    handler = slot(b, rt, "handler", "ptr")
    b.call(slot(b, rt, "incref", "ptr"), "void", handler)
    b.store(handler, b.at(o, HANDLER), 8)
    b.ret(o)
    return b


def _number(name: str, entry: str, type_: str) -> Function:
    """number(rt, object, place): whether a Python object is such a number, which is then stored."""
    b = Function(f"i1 @{name}(ptr %rt, ptr %o, ptr %to)")
    rt, o, to = b.arg("rt"), b.arg("o"), b.arg("to")
    if type_ == "double":
        with b.when(b.load(b.at(o, 8), "ptr", 8).cmp("eq", slot(b, rt, "float_type", "ptr")), ends=True):
            b.store(b.load(b.at(o, 16), "double"), to)
            b.ret(b.const(True, "i1"))
    x = b.call(slot(b, rt, entry, "ptr"), type_, o)
    b.store(x, to)
    doubt = x.cmp("oeq" if type_ == "double" else "eq", -1)
    with b.when(doubt), b.when(b.call(slot(b, rt, "error", "ptr"), "ptr").cmp("ne", 0), ends=True):
        b.call(slot(b, rt, "clear", "ptr"), "void")
        b.ret(b.const(False, "i1"))
    b.ret(b.const(True, "i1"))
    return b


# ----- threads: a job is (fn, ctx, n, grain); whoever has time claims chunks of it. The ticket holds the job's number and
# the next chunk, and is claimed by compare-and-swap, so a late thread can never take a chunk of a job that it did not read.

_CLOSED = 0xFFFFFFFF


def _pause(b: Function) -> None:
    if platform.machine() in ("x86_64", "AMD64"):
        b.declarations.add("declare void @llvm.x86.sse2.pause()")
        b.do("call void @llvm.x86.sse2.pause()")
    elif platform.machine() in ("aarch64", "arm64"):
        b.declarations.add("declare void @llvm.aarch64.hint(i32)")
        b.do("call void @llvm.aarch64.hint(i32 1)")


def _atomic(b: Function, p: V, type_: str = "i64") -> V:
    return b.emit(f"load atomic {type_}, {p} seq_cst, align {8 if type_ == 'i64' else 4}", type_)


def _atomic_store(b: Function, x: V, p: V) -> None:
    b.do(f"store atomic {x}, {p} seq_cst, align 8")


def _atomic_add(b: Function, p: V, amount: int, type_: str = "i64") -> None:
    b.emit(f"atomicrmw add {p}, {type_} {amount} seq_cst", type_)


def _work() -> Function:
    """work(rt, job): claim and run chunks until this job has none."""
    b = Function("void @work(ptr %rt, i64 %job)")
    rt, ticket = b.arg("rt"), _place(b, b.arg("rt"), "ticket")
    again = b.label("again")
    b.jump(again)
    b.start(again)
    t = _atomic(b, ticket)
    fn, ctx = slot(b, rt, "fn", "ptr"), slot(b, rt, "ctx", "ptr")
    n, grain, chunks = slot(b, rt, "n"), slot(b, rt, "grain"), slot(b, rt, "chunks")
    index = t & _CLOSED
    over = (t >> 32).cmp("ne", b.arg("job", "i64")) | index.cmp("uge", chunks)
    with b.when(over, ends=True):
        b.ret()
    following = t + 1
    pair = b.emit(f"cmpxchg {ticket}, {t}, {following} seq_cst seq_cst", "{ i64, i1 }")
    won = b.emit(f"extractvalue {pair}, 1", "i1")
    run = b.label("run")
    b.branch(won, run, again)
    b.start(run)
    lo = index * grain
    b.call(fn, "void", ctx, lo, b.min(lo + grain, n))
    _atomic_add(b, _place(b, rt, "done"), 1)
    with b.when(_atomic(b, _place(b, rt, "joiner")).cmp("ne", 0)):
        _futex(b, rt, "done", 129, b.const(1, "i32"))
    b.jump(again)
    return b


def _futex(b: Function, rt: V, name: str, op: int, value: V) -> None:
    """The futex system call on a slot of the table: 128 waits while it is `value`, 129 wakes so many (private)."""
    numbers = {"x86_64": 202, "aarch64": 98}
    null = b.const(0, "ptr")
    args = (b.const(numbers.get(platform.machine(), 0)), _place(b, rt, name), b.const(op, "i32"), value, null, null)
    fn = slot(b, rt, "syscall", "ptr")
    b.emit(f"call i64 (i64, ...) {fn.name}({', '.join(map(repr, args))})", "i64")


def _take_place(b: Function, rt: V) -> None:
    """Bind this worker to a core of its own: a kernel that wakes it on the caller's core leaves it waiting there for milliseconds."""
    numbers = {"x86_64": 203, "aarch64": 122}  # sched_setaffinity
    mine = b.emit(f"atomicrmw add {_place(b, rt, 'placed')}, i64 1 seq_cst", "i64")
    with b.when(mine.cmp("slt", slot(b, rt, "places"))):
        mask = b.at(slot(b, rt, "masks", "ptr"), mine * _MASK_BYTES)
        args = (b.const(numbers.get(platform.machine(), 0)), b.const(0), b.const(_MASK_BYTES), mask)
        b.emit(f"call i64 (i64, ...) {slot(b, rt, 'syscall', 'ptr').name}({', '.join(map(repr, args))})", "i64")


def _worker() -> Function:
    """The life of a thread: spin a little for the next job, then sleep on the counter."""
    b = Function("ptr @worker(ptr %rt)")
    rt = b.arg("rt")
    gen = _place(b, rt, "gen")
    seen = b.stack("i32", 1, 4)
    b.store(b.const(0, "i32"), seen)
    _take_place(b, rt)
    wait, spin, awake = b.label("wait"), b.label("spin"), b.label("awake")
    left = b.stack("i64", 1, 8)
    b.jump(wait)
    b.start(wait)
    b.store(slot(b, rt, "spin"), left)
    b.jump(spin)
    b.start(spin)
    now, old = _atomic(b, gen, "i32"), b.load(seen, "i32")
    ready, more = b.label("ready"), b.label("more")
    b.branch(now.cmp("ne", old), awake, more)
    b.start(more)
    _pause(b)
    rest = b.load(left) - 1
    b.store(rest, left)
    b.branch(rest.cmp("sgt", 0), spin, ready)
    b.start(ready)
    _atomic_add(b, _place(b, rt, "sleepers"), 1)
    _futex(b, rt, "gen", 128, old)
    _atomic_add(b, _place(b, rt, "sleepers"), -1)
    b.jump(wait)
    b.start(awake)
    b.store(now, seen)
    b.call("@work", "void", rt, _atomic(b, _place(b, rt, "ticket")) >> 32)
    b.jump(wait)
    return b


def _run() -> Function:
    """run(rt, fn, ctx, n, grain): fn(ctx, lo, hi) over [0, n) in chunks, by all threads; alone where that is enough."""
    b = Function("void @run(ptr %rt, ptr %fn, ptr %ctx, i64 %n, i64 %grain)")
    rt, fn, ctx, n, grain = b.arg("rt"), b.arg("fn"), b.arg("ctx"), b.arg("n", "i64"), b.arg("grain", "i64")
    thread = b.stack("i64", 1, 8)

    def alone() -> None:
        b.call(fn, "void", ctx, b.const(0), n)
        b.ret()

    with b.when(n.cmp("sle", grain) | slot(b, rt, "threads").cmp("slt", 2), ends=True):
        alone()
    pair = b.emit(f"cmpxchg {_place(b, rt, 'lock')}, i64 0, i64 1 seq_cst seq_cst", "{ i64, i1 }")
    with b.when(b.emit(f"extractvalue {pair}, 1", "i1").cmp("eq", 0), ends=True):
        alone()  # another Python thread has the workers
    with b.when(slot(b, rt, "started").cmp("eq", 0)):
        b.store(b.const(1), _place(b, rt, "started"))
        with b.loop(1, slot(b, rt, "threads")):
            null = b.const(0, "ptr")
            failed = b.call(slot(b, rt, "pthread_create", "ptr"), "i32", thread, null, slot(b, rt, "worker", "ptr"), rt)
            with b.when(failed.cmp("eq", 0)):
                b.call(slot(b, rt, "pthread_detach", "ptr"), "i32", b.load(thread))
    ticket = _place(b, rt, "ticket")
    job = (_atomic(b, ticket) >> 32) + 1
    job = job & 0x7FFFFFFF
    _atomic_store(b, ((_atomic(b, ticket) >> 32) << 32) | _CLOSED, ticket)
    chunks = (n + (grain - 1)).div(grain)
    for name, x in (("fn", fn), ("ctx", ctx), ("n", n), ("grain", grain), ("chunks", chunks)):
        b.store(x, _place(b, rt, name), 8)
    _atomic_store(b, b.const(0), _place(b, rt, "done"))
    _atomic_store(b, job << 32, ticket)
    _atomic_add(b, _place(b, rt, "gen"), 1, "i32")
    with b.when(_atomic(b, _place(b, rt, "sleepers")).cmp("sgt", 0)):
        _futex(b, rt, "gen", 129, b.const(0x7FFFFFFF, "i32"))
    b.call("@work", "void", rt, job)
    wait, joined, more = b.label("wait"), b.label("joined"), b.label("more")
    turns = b.stack("i64", 1, 8)
    b.store(b.const(0), turns)
    b.jump(wait)
    b.start(wait)
    b.branch(_atomic(b, _place(b, rt, "done")).cmp("eq", chunks), joined, more)
    b.start(more)
    _pause(b)
    turn = b.load(turns) + 1
    b.store(turn, turns)
    with b.when((turn & 1023).cmp("eq", 0)):  # a worker has lost its core: let it have this one,
        b.call(slot(b, rt, "sched_yield", "ptr"), "i32")
    with b.when(turn.cmp("sgt", slot(b, rt, "spin") * 16)):  # or sleep, so that it is moved here
        _atomic_store(b, b.const(1), _place(b, rt, "joiner"))
        done = _atomic(b, _place(b, rt, "done"))
        with b.when(done.cmp("ne", chunks)):
            _futex(b, rt, "done", 128, b.convert("trunc", done, "i32"))
        _atomic_store(b, b.const(0), _place(b, rt, "joiner"))
    b.jump(wait)
    b.start(joined)
    _atomic_store(b, b.const(0), _place(b, rt, "lock"))
    b.ret()
    return b


def _entries() -> Function:
    """entries(table): the addresses of the functions above, in the order of `_ENTRIES`."""
    b = Function("void @entries(ptr %to)")
    for i, name in enumerate(_ENTRIES):
        b.do(f"store ptr @{name}, {b.at(b.arg('to'), i, 'i64')}, align 8")
    b.ret()
    return b


_ENTRIES = ("check", "check_view", "new", "run", "number", "integer", "alloc", "release", "worker", "hook_malloc", "hook_calloc", "hook_realloc",
            "hook_free")  # fmt: skip


class _Handler(ctypes.Structure):
    """PyDataMem_Handler, version 1."""

    _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("ctx", ctypes.c_void_p),
                ("malloc", ctypes.c_void_p), ("calloc", ctypes.c_void_p), ("realloc", ctypes.c_void_p), ("free", ctypes.c_void_p)]  # fmt: skip


class Runtime:
    """The table, and what Python reads and sets of it."""

    def __init__(self) -> None:
        raw = np.zeros(_SIZE + 8, np.int64)
        skip = (-raw.ctypes.data % 64) // 8
        self.table = raw[skip : skip + _SIZE]
        self.address = self.table.ctypes.data
        self._externals()
        self._functions()
        self["threads"] = thread_count() if _threads_possible() else 1
        self["spin"] = 2000  # about 40 us
        self._masks = _worker_cores(self["threads"])
        self["masks"], self["places"] = self._masks.ctypes.data, len(self._masks)
        self["cap"] = self._cap = _cap_bytes()
        os.register_at_fork(after_in_child=self._forked)

    def __getitem__(self, name: str) -> int:
        return int(self.table[SLOTS[name]])

    def __setitem__(self, name: str, value: int) -> None:
        self.table[SLOTS[name]] = value

    def _externals(self) -> None:
        py, libc, api = ctypes.pythonapi, ctypes.CDLL(None), numpy_api()
        known = {
            "array_type": api["type"],
            "none": id(None),
            "new_from_descr": api["new"],
            "float_type": id(float),
            "tuple_type": id(tuple),
        }
        python = {"save_thread": "PyEval_SaveThread", "restore_thread": "PyEval_RestoreThread", "as_double": "PyFloat_AsDouble",
                  "error": "PyErr_Occurred", "clear": "PyErr_Clear", "tuple_new": "PyTuple_New", "tuple_set": "PyTuple_SetItem", "vectorcall": "PyObject_Vectorcall",
                  "as_u64": "PyLong_AsUnsignedLongLongMask", "no_memory": "PyErr_NoMemory", "incref": "Py_IncRef",
                  "decref": "Py_DecRef", "dict_get": "PyDict_GetItemWithError", "get_attr": "PyObject_GetAttr",
                  "alloc_object": "PyType_GenericAlloc", "iter_next": "PyIter_Next", "append": "PyList_Append"}  # fmt: skip
        for name in _EXTERNAL:
            if name in known:
                self[name] = known[name]
            elif name != "handler":
                fn = getattr(py, python[name]) if name in python else getattr(libc, name)
                self[name] = ctypes.cast(fn, ctypes.c_void_p).value or 0

    def _functions(self) -> None:
        functions = [_alloc(), _release(), *_hooks(), _check(), _check_view(), _new(), _number("number", "as_double", "double"),
                     _number("integer", "as_u64", "i64"), _work(), _worker(), _run(), _entries()]  # fmt: skip
        found = (ctypes.c_void_p * len(_ENTRIES))()
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_ir(module(*functions), "entries"))(ctypes.addressof(found))
        at = dict(zip(_ENTRIES, found, strict=True))
        for name in ("check", "check_view", "new", "run", "number", "integer", "alloc", "worker"):
            self[name] = at[name] or 0
        self["release_block"] = at["release"] or 0
        hooks = [at[f"hook_{name}"] for name in ("malloc", "calloc", "realloc", "free")]
        self._handler = _Handler(b"dfdx_pool", 1, self.address, *hooks)
        make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
            ("PyCapsule_New", ctypes.pythonapi)
        )
        self._name = ctypes.c_char_p(b"mem_handler")
        self._capsule = make(ctypes.addressof(self._handler), self._name, None)
        self["handler"] = id(self._capsule)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._capsule))  # arrays may outlive this module

    def _forked(self) -> None:
        """In a forked child there are no workers: the next parallel kernel starts its own."""
        for name in ("lock", "sleepers", "started", "gen", "ticket", "done", "joiner", "placed"):
            self[name] = 0

    # ----- the pool

    def stats(self) -> dict[str, int]:
        """Bytes in use by arrays, at most so far, and kept for reuse."""
        return {"in_use": self["in_use"], "peak": self["peak"], "cached": self["cached"]}

    def empty_cache(self) -> None:
        """Give all kept blocks back to the system."""
        free = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self["free"])
        for i in range(SLOTS["heads"], _SIZE):
            while self.table[i]:
                block = int(self.table[i])
                self.table[i] = ctypes.c_int64.from_address(block).value
                free(block - HEADER)
        self["cached"] = 0

    def enable_cache(self) -> None:
        self["cap"] = self._cap

    def disable_cache(self) -> None:
        self["cap"] = 0
        self.empty_cache()


def thread_count() -> int:
    """`DFDX_NUM_THREADS`, else the cores that this process may use."""
    given = os.environ.get("DFDX_NUM_THREADS", "")
    if given:
        if not given.isdigit() or not 1 <= int(given) <= 256:
            raise ValueError(f"DFDX_NUM_THREADS is a number from 1 to 256, not {given!r}")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _worker_cores(threads: int) -> Any:
    """A set of one core per worker, where there is a thread for each core of the process; else none, and workers go anywhere."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) != threads or not cores or cores[-1] >= 8 * _MASK_BYTES:
        cores = cores[:1]
    masks = np.zeros((len(cores[1:]), _MASK_BYTES), np.uint8)
    for mask, core in zip(masks, cores[1:], strict=True):
        mask[core // 8] = 1 << core % 8
    return masks


def _threads_possible() -> bool:
    return sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


def _cap_bytes() -> int:
    """An eighth of the memory may lie in the pool unused."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
    except (AttributeError, ValueError, OSError):
        return 1 << 30


@cache
def runtime() -> Any:
    """The one runtime of this process."""
    return Runtime()
