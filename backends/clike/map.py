"""Elementwise programs: a contiguous kernel, one over rows of a view, and one for views with short rows and small ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

from ...core.contract import MapProgram
from .array import Array, Shape, Strides, collapse
from .engine import Engine, Launch, Source, Target
from .expr import Body, divider, load, parameters, scalar_types, store, unravel

__all__ = ["compile_map", "map_launch"]

SHORT = 32  # rows below this are walked by dividing the linear index
SMALL = (
    4096  # elements up to which one kernel takes every layout: to compile one per layout would cost more than it gains
)
TINY = 256  # elements above which dense arrays have a kernel of their own all the same
RANK = 4  # to which the dims of small arrays are filled up


def map_launch(program: MapProgram, shape: Shape, strides: Sequence[Strides], target: Target, shared: bool) -> Launch:
    """The launch of a program over `shape`, given the strides of its inputs, then of its outputs."""
    dims, steps = collapse(shape, strides)
    k, total = len(steps), prod(dims)
    small = total <= SMALL
    if len(dims) == 1 and (not small or (total > TINY and all(s == (1,) for s in steps))):
        classes = tuple([min(s[0], 2) for s in steps])
        numbers = dims + tuple([s[0] for s in steps])
        return Launch(_line(program, classes, target.group, shared), (-(-total // target.group), 1, 1), numbers)
    if small or dims[-1] < SHORT:
        if small:
            fill = RANK - len(dims)
            dims, steps = (1,) * fill + dims, tuple([(0,) * fill + s for s in steps])
        short = total < 2**31
        numbers = (total, *dims, *[s for step in steps for s in step])
        numbers += tuple([number for n in dims[1:] for number in divider(n)]) if short else ()
        return Launch(_scattered(program, len(dims), k, target.group, shared, short), (-(-total // target.group), 1, 1), numbers)  # fmt: skip
    classes = tuple([min(s[-1], 2) for s in steps])
    group = target.group if dims[-1] >= target.group else min(64, target.group)
    blocks = -(-dims[-1] // group)
    numbers = (blocks, *dims, *[s for step in steps for s in step])
    return Launch(_rows(program, len(dims), classes, group, shared), (blocks * prod(dims[:-1]), 1, 1), numbers)


def _kernel(program: MapProgram, name: str, setup: list[str], at: Sequence[str], group: int, n: int, shared: bool) -> Source:  # fmt: skip
    """The text of a kernel whose arrays are read and written at these indices, inside the `if` that `setup` opens last."""
    body = Body(program)
    ends = []
    for j, (o, dtype) in enumerate(zip(program.outputs, program.out_dtypes, strict=True)):
        value = body.value(o, lambda i: load(program.in_dtypes[i], f"x{i}", at[i]))
        ends.append(store(dtype, f"y{j}", at[program.n_args + j], value))
    text = "\n".join(
        [
            f"DIMS({n});",
            f"KERNEL GROUP({group}, 1, 1) void {name}({parameters(program, shared)}, const struct dims d) {{",
            *[f"  {line}" for line in setup],
            *[f"    {line}" for line in (*body.lines, *ends)],
            "  }",
            "}",
        ]
    )
    return Source(name, text, (group, 1, 1), scalar_types(program))


def _at(offset: int, index: str, cls: int, step: str) -> str:
    return f"d.v[{offset}]" + ("" if cls == 0 else f" + {index}" if cls == 1 else f" + {index} * {step}")


@lru_cache(4096)
def _line(program: MapProgram, classes: tuple[int, ...], group: int, shared: bool) -> Source:
    """One dim; `classes` are the strides 0, 1, or 2 for any other."""
    k = len(classes)
    at = [_at(j, "i", c, f"d.v[{k + 1 + j}]") for j, c in enumerate(classes)]
    return _kernel(
        program, "map_line", ["const i64 i = GID(0);", f"if (i < d.v[{k}]) {{"], at, group, 2 * k + 1, shared
    )


@lru_cache(4096)
def _rows(program: MapProgram, rank: int, classes: tuple[int, ...], group: int, shared: bool) -> Source:
    """Groups walk along the last dim; the other dims follow from the group's number, so they cost nothing per element."""
    k = len(classes)
    dims = [f"d.v[{k + 1 + a}]" for a in range(rank)]
    step = lambda j, a: f"d.v[{k + 1 + rank + j * rank + a}]"  # noqa: E731
    names = [f"i{a}" for a in range(rank - 1)]
    setup = [
        f"const i64 b = BID(0), row = b / d.v[{k}], j = (b - row * d.v[{k}]) * {group} + LID(0);",
        f"const i64 i = row * {dims[-1]} + j;",
        *unravel("row", dims[:-1], names),
        *[f"const i64 o{j} = d.v[{j}]" + "".join(f" + i{a} * {step(j, a)}" for a in range(rank - 1)) + ";" for j in range(k)],
        f"if (j < {dims[-1]}) {{",
    ]  # fmt: skip
    at = [
        f"o{j}" + ("" if c == 0 else " + j" if c == 1 else f" + j * {step(j, rank - 1)}") for j, c in enumerate(classes)
    ]
    return _kernel(program, "map_rows", setup, at, group, k + 1 + rank * (k + 1), shared)


@lru_cache(4096)
def _scattered(program: MapProgram, rank: int, k: int, group: int, shared: bool, short: bool) -> Source:
    """Any dims, by dividing the linear index; `short`: it fits 31 bits, and the host has found multipliers to divide by."""
    dims = [f"d.v[{k + 1 + a}]" for a in range(rank)]
    names = [f"i{a}" for a in range(rank)]
    size = k + 1 + rank * (k + 1)
    quotient = (lambda x, a: f"DIVIDE({x}, d.v[{size + 2 * a - 2}], d.v[{size + 2 * a - 1}])") if short else None
    setup = [
        "const i64 i = GID(0);",
        f"if (i < d.v[{k}]) {{",
        *["  " + line for line in unravel("i", dims, names, quotient)],
    ]
    at = [f"d.v[{j}]" + "".join(f" + i{a} * d.v[{k + 1 + rank + j * rank + a}]" for a in range(rank)) for j in range(k)]
    return _kernel(program, "map_scattered", setup, at, group, size + (2 * rank - 2) * short, shared)


def compile_map(engine: Engine, program: MapProgram, shape: Shape, inplace: tuple[int | None, ...] = ()) -> Callable[..., Any]:  # fmt: skip
    """The kernel of a program: takes arrays, then scalars; returns a new array, or a tuple of them."""
    n, out_dtypes = program.n_args, program.out_dtypes
    places = [(inplace[j] if j < len(inplace) else None) for j in range(len(out_dtypes))]
    shared = any(p is not None for p in places)
    makers = [engine.maker(shape, d) for d in out_dtypes]
    calls: dict[tuple[Strides, ...], Any] = {}

    def find(arrays: Sequence[Array]) -> Any:
        key = tuple([a.strides for a in arrays])
        call = calls.get(key)
        if call is None:
            launch = map_launch(program, shape, key, engine.target, shared)
            call = calls[key] = engine.prepare(launch)
        return call

    if len(makers) == 1 and not shared:
        make = makers[0]

        def kernel(*inputs: Any) -> Any:
            out = make()
            arrays = (*inputs[:n], out)
            find(arrays)(arrays, inputs[n:])
            return out

    else:

        def kernel(*inputs: Any) -> Any:
            ins = inputs[:n]
            outs = tuple([make() if p is None else ins[p] for p, make in zip(places, makers)])
            arrays = ins + outs
            find(arrays)(arrays, inputs[n:])
            return outs[0] if len(outs) == 1 else outs

    return kernel


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("map", specialize=True)
    def map_(sig: Any, *, program: MapProgram, shape: Shape, inplace: tuple[int | None, ...]) -> Any:
        return compile_map(engine, program, shape, inplace)
