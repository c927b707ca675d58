"""Elementwise and row programs: the expression's steps, found once and run with the library's functions."""

from __future__ import annotations

from math import prod
from typing import Any

from ...core.contract import prepare, quiet
from .namespace import Namespace
from .random import words


def _program(
    space: Namespace, program: Any, shape: tuple[int, ...], in_shapes: Any, out_shapes: Any, axes: tuple[int, ...] = ()
) -> Any:
    """A kernel for a map or row program over `shape`; arguments are brought to `in_shapes`, results to `out_shapes`."""
    run = prepare(program.outputs, space, program.types, axes)
    n, ins, outs = program.n_args, program.in_dtypes, program.out_dtypes
    seeds = {a.value for node in program.nodes if node.op == "random" for a in node.args}
    scalar_types = {node.value: program.types[node] for node in program.nodes if node.op == "scalar"}

    def kernel(*inputs: Any) -> Any:
        wide = [_shaped(space, space.widen(a, d), s) for a, d, s in zip(inputs[:n], ins, in_shapes, strict=True)]
        index = space.xp.reshape(space.arange(prod(shape), space.xp.int64), shape) if program.uses_index else None
        values = run(wide, inputs[n:], index, lambda k, c: space.xp.reshape(words(space, k, c, prod(shape)), shape))
        made = [_shaped(space, space.narrow(v, d), s) for v, d, s in zip(values, outs, out_shapes, strict=True)]
        return made[0] if len(made) == 1 else tuple(made)

    compiled = space.compile(kernel)

    @quiet
    def scalars(values: tuple[Any, ...]) -> list[Any]:
        return [space.seed(v) if i in seeds else space.scalar(v, scalar_types.get(i)) for i, v in enumerate(values)]

    if not program.n_scalars:
        return space.guard(compiled)
    return space.guard(lambda *inputs: compiled(*inputs[:n], *scalars(inputs[n:])))


def _shaped(space: Namespace, x: Any, shape: tuple[int, ...]) -> Any:
    if x.shape == shape:
        return x
    return space.xp.reshape(x, shape) if prod(x.shape) == prod(shape) else space.xp.broadcast_to(x, shape)


def register(registry: Any, space: Namespace) -> None:
    def map_(sig: Any, *, program: Any, shape: tuple[int, ...], inplace: tuple[int | None, ...]) -> Any:
        kernel = _program(space, program, shape, (shape,) * program.n_args, (shape,) * len(program.outputs))
        return _fresh(space, program, kernel)

    def row(sig: Any, *, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
        shape = outer + inner
        by_kind = {"full": shape, "row": outer, "col": inner, "scalar": ()}
        turned = {**by_kind, "row": outer + (1,) * len(inner)}
        ins, outs = [turned[k] for k in program.in_kinds], [by_kind[k] for k in program.out_kinds]
        axes = tuple(range(len(outer), len(shape)))
        return _fresh(space, program, _program(space, program, shape, ins, outs, axes))

    registry.kernel("map", specialize=True, base=True)(space.guard(map_))
    registry.kernel("row", specialize=True, base=True)(space.guard(row))


def _fresh(space: Namespace, program: Any, kernel: Any) -> Any:
    """Copies an output that is an argument as it stands, so that results are new arrays."""
    same = [o.op == "arg" for o in program.outputs]
    if not any(same):
        return kernel
    if len(same) == 1:
        return lambda *inputs: space.xp.asarray(kernel(*inputs), copy=True)
    return lambda *inputs: tuple(
        [space.xp.asarray(v, copy=True) if s else v for v, s in zip(kernel(*inputs), same, strict=True)]
    )
