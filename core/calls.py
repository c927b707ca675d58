"""The short path of an op call: everything that types alone decide is looked up at once, and nothing is decided twice.

`short_call(spec, slow, ...)` gives a function that does what `apply` does in the common case (types seen before, one
device, one tape at most; plans are forgotten while somebody watches) and leaves every other case to `slow`. Its text is unrolled for each number of
operands, because at this length a loop over two of them costs as much as the addition that they are for. Where an
op is called often, a runtime that has a method `short_call` brings machine code that does the same.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cache, update_wrapper
from operator import itemgetter
from typing import Any

from .cell import Cell
from .tensor import Tensor, next_id, next_serial

__all__ = ["picker", "short_call", "short_key"]

CALLS = 1000  # of the text, before a runtime is asked for machine code: making it takes as long as thousands of them

# {lines of an operand} are repeated for each operand
_TEXT = """\
def bind(spec, slow, quicken, plans, Tensor, Cell, new, next_id, next_serial):
    fast, left = None, {calls}
    def call({a}{rest}):
        nonlocal fast, left
        if fast is not None:
            return fast({a}{rest})
        left -= 1
        if left <= 0:
            fast, left = quicken({first}), {calls}
{guard}        try:
            plan = plans[{key}]
            device = {first}.device
            strange = device is not plan.device{same}
        except (KeyError, AttributeError):  # types that were never seen, or no tensor
            strange = True
        if strange:  # not inside the handler: an error of `slow` would drag the KeyError along
            return slow({a}{rest})
        tape = {first}._tape
{find_tape}        if tape is None:
            if {any_serial}:
                return slow({a}{rest})
        elif tape.shared{any_view}:
            return slow({a}{rest})
{cells}
        kernel = plan.kernel
        cell = Cell()
        cell.array = kernel({arrays}{scalars})
        cell.version = 0
        out = new(Tensor)
        out._cell = cell
        out._type = plan.type
        out.device = device
        out._view = None
        out._tape = tape
        if tape is None:
            out._serial = None
            out.id = next_id()
            return out
        out._serial = out.id = serial = next_serial()
        pick = plan.pick
        saved = () if pick is None else pick((cell, {all_cells}))
        tape.entries.append((serial, plan, ({ids},), None, saved, ({scalars_tuple})))
{hand_over}
        return out
    return call
"""
_FIND_TAPE = """\
        other = {x}._tape
        if other is not None and other is not tape:
            if tape is not None:
                return slow({a}{rest})
            tape = other
"""
_HAND_OVER = """\
        if {x}._tape is not None:
            {x}._tape = None
            {x}._taker = spec
"""


def picker(saves: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    """What takes the cells to save from (that of the result, those of the operands), -1 standing for the result."""
    if not saves:
        return None
    first = saves[0] + 1
    if saves == tuple(range(saves[0], saves[0] + len(saves))):
        return itemgetter(slice(first, first + len(saves)))
    return itemgetter(*[i + 1 for i in saves])


def short_key(types: tuple[Any, ...], attrs: tuple[Any, ...], uniform: bool) -> Any:
    """The key of a plan in `spec.plans`: operands of one type share a key, others have theirs in order."""
    if uniform:
        return types[0] if all(t is types[0] for t in types) and not attrs else None
    return (*types, attrs) if attrs else types


@cache
def _binder(operands: tuple[str, ...], scalars: tuple[str, ...], has_attrs: bool, uniform: bool) -> Callable[..., Any]:
    a, first = ", ".join(operands), operands[0]
    types = [f"{x}._type" for x in operands]
    same = "".join(f" or {x}.device is not device" for x in operands[1:])
    if uniform:
        same += "".join(f" or {t} is not {types[0]}" for t in types[1:])
    rest = "".join(f", {s}" for s in (*scalars, *["attrs"] * has_attrs))
    cells = [f"c{i}" for i in range(len(operands))]
    text = _TEXT.format(
        a=a, first=first, rest=rest, same=same,
        key=types[0] if uniform else f"({', '.join(types)}, {'attrs' if has_attrs else ''})",
        find_tape="".join(_FIND_TAPE.format(x=x, a=a, rest=rest) for x in operands[1:]),
        any_serial=" or ".join(f"{x}._serial is not None" for x in operands),
        any_view="".join(f" or {x}._view is not None" for x in operands),
        guard="".join(f"        if type({x}) is not Tensor:\n            return slow({a}{rest})\n" for x in operands[1:]),
        cells="\n".join(f"        {c} = {x}._cell" for c, x in zip(cells, operands)),
        arrays=", ".join(f"{c}.array" for c in cells),
        scalars="".join(f", {s}" for s in scalars),
        calls=CALLS,
        all_cells=", ".join(cells),
        ids=", ".join(f"{x}.id" for x in operands),
        scalars_tuple="".join(f"{s}, " for s in scalars),
        hand_over="".join(_HAND_OVER.format(x=x) for x in operands),
    )  # fmt: skip
    name = f"<short call of {a}{rest}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # tracebacks show the text
    env: dict[str, Any] = {}
    exec(compile(text, name, "exec"), env)
    return env["bind"]  # type: ignore[no-any-return]


def short_call(
    spec: Any,
    slow: Callable[..., Any],
    operands: tuple[str, ...],
    scalars: tuple[str, ...] = (),
    has_attrs: bool = False,
) -> Any:
    """A function of (operands, scalars, attrs) that runs `spec` on the short path and falls back to `slow`.

    `slow` takes the same arguments, whatever they are, and checks them.
    """
    bind = _binder(operands, scalars, has_attrs, spec.uniform)

    def quicken(first: Any) -> Any:
        runtime = getattr(getattr(first, "device", None), "runtime", None)
        make = getattr(runtime, "short_call", None)
        return make and make(spec, slow, len(operands), len(scalars), has_attrs)

    call = bind(spec, slow, quicken, spec.plans, Tensor, Cell, object.__new__, next_id, next_serial)
    return update_wrapper(call, slow)
