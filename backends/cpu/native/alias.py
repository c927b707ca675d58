"""Views of row-major arrays, made by a builtin: a new array object over the memory of its argument, which it keeps alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ir import Function, module
from .kernel import (
    ARRAY_SLOTS,
    ARRAYS,
    COUNT,
    DESCR_,
    DIMS_,
    NARGS,
    RANK,
    RT,
    SLOW,
    STRIDES_,
    ArrayType,
    Code,
    make_kernel,
)
from .layout import BASE, DATA, usable
from .runtime import READABLE, SLOTS

__all__ = ["alias_kernel", "row_major"]


def row_major(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Strides in bytes."""
    strides = []
    for n in reversed(shape):
        strides.append(size)
        size *= n
    return tuple(reversed(strides))


def alias_kernel(
    source: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, writable: bool, slow: Callable[..., Any]
) -> Callable[..., Any]:
    """A function from a row-major array of a type to its view of this shape; other arrays go to `slow`."""
    if not usable() or len(shape) > 8:
        return slow
    dtype = source.dtype.numpy
    return make_kernel(
        Code(_print(), alias=True), "view", [ArrayType(source.shape, dtype)], [ArrayType(shape, dtype, strides)], 0, slow, tasks=0, grain=1,
        own=[offset, 0x400 if writable else 0],
    )  # fmt: skip


def _print() -> str:
    b = Function("ptr @kernel(ptr %self, ptr %args, i64 %nargs)")
    cfg = b.load(b.at(b.arg("self"), DATA), "ptr", 8)
    rt, null = b.slot(cfg, RT, "ptr"), b.const(0, "ptr")
    slow, checked, made, done, lost = (b.label(x) for x in ("slow", "checked", "made", "done", "lost"))
    one = b.label("one")
    b.branch(b.arg("nargs", "i64").cmp("eq", b.slot(cfg, NARGS)), one, slow)
    b.start(one)
    o = b.slot(b.arg("args"), 0, "ptr")
    descr, count = b.slot(cfg, ARRAYS + DESCR_, "ptr"), b.slot(cfg, ARRAYS + COUNT)
    data = b.call(b.slot(rt, SLOTS["check"], "ptr"), "ptr", rt, o, descr, count, b.const(READABLE, "i32"))
    b.branch(data.cmp("ne", 0), checked, slow)
    b.start(checked)
    out, own = ARRAYS + ARRAY_SLOTS, ARRAYS + 2 * ARRAY_SLOTS
    b.call(b.slot(rt, SLOTS["incref"], "ptr"), "void", descr)
    view = b.call(
        b.slot(rt, SLOTS["new_from_descr"], "ptr"), "ptr", b.slot(rt, SLOTS["array_type"], "ptr"), descr,
        b.convert("trunc", b.slot(cfg, out + RANK), "i32"), b.at(cfg, out + DIMS_, "i64"), b.at(cfg, out + STRIDES_, "i64"),
        b.at(data, b.slot(cfg, own)), b.convert("trunc", b.slot(cfg, own + 1), "i32"), null,
    )  # fmt: skip
    b.branch(view.cmp("ne", 0), made, lost)
    b.start(made)
    b.call(b.slot(rt, SLOTS["incref"], "ptr"), "void", o)
    b.store(o, b.at(view, BASE), 8)
    b.jump(done)
    b.start(done)
    b.ret(view)
    b.start(lost)
    b.ret(null)
    b.start(slow)
    fallback = b.slot(cfg, SLOW, "ptr")
    b.ret(b.call(b.slot(rt, SLOTS["vectorcall"], "ptr"), "ptr", fallback, b.arg("args"), b.arg("nargs", "i64"), null))
    return module(b)
