"""A row program on a device without a `row` kernel: maps, reductions and broadcasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .expr import Expr, arg, kind_of, map_program, rewrite, walk
from .expr.functions import REDUCTIONS
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device

__all__ = ["finish", "lower"]


def lower(device: Device, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Callable[..., Any]:
    """A row program as maps and reductions, for devices without a `row` kernel: one step per reduction, then the outputs."""
    full = outer + inner
    axes = tuple(range(len(outer), len(full)))
    new_inner = tuple(range(len(outer), len(full)))
    by_kind = {"full": full, "row": outer, "col": inner, "scalar": ()}
    n_args, n_scalars = program.n_args, program.n_scalars

    def widen(i: int) -> Callable[[Any], Any]:
        kind, dtype = program.in_kinds[i], program.in_dtypes[i]
        if kind == "full":
            return lambda a: a
        new = {"row": new_inner, "col": tuple(range(len(outer))), "scalar": tuple(range(len(full)))}[kind]
        sig = Signature((TensorType(by_kind[kind], dtype),), (TensorType(full, dtype),))
        return device.backend.primitive("broadcast", sig, shape=full, axes=new) if new else lambda a: a

    widened = [widen(i) for i in range(n_args)]
    dtypes = list(program.in_dtypes)
    mapping: dict[Expr, Expr] = {}
    steps: list[tuple[Any, Any, Any]] = []
    for node in walk(program.outputs):
        if node.op not in REDUCTIONS:
            continue
        dtype = program.types[node]
        body = map_program((rewrite(node.args[0], mapping),), tuple(dtypes), (dtype,), n_scalars)
        t_full, t_row = TensorType(full, dtype), TensorType(outer, dtype)
        run = device.backend.primitive(
            "map",
            Signature(tuple(TensorType(full, d) for d in dtypes), (t_full,)),
            program=body,
            shape=full,
            inplace=(),
        )
        fold = device.backend.primitive(
            "reduce", Signature((t_full,), (t_row,)), kind=REDUCTIONS[node.op], axes=axes, dtype=dtype
        )
        spread = (
            device.backend.primitive("broadcast", Signature((t_row,), (t_full,)), shape=full, axes=new_inner)
            if inner
            else (lambda a: a)
        )
        steps.append((run, fold, spread))
        mapping[node] = arg(len(dtypes))
        dtypes.append(dtype)
    kinds = program.in_kinds + ("row",) * len(steps)
    finals = [
        finish(device, rewrite(o, mapping), tuple(dtypes), kinds, d, by_kind[k], k, n_scalars)
        for o, d, k in zip(program.outputs, program.out_dtypes, program.out_kinds, strict=True)
    ]

    def kernel(*inputs: Any) -> Any:
        given, scalars = inputs[:n_args], inputs[n_args:]
        pool = [w(a) for w, a in zip(widened, given, strict=True)]
        rows = list(given)
        for run, fold, spread in steps:
            row = fold(run(*pool, *scalars))
            rows.append(row)
            pool.append(spread(row))
        outs = tuple([final(pool, rows, scalars) for final in finals])
        return outs[0] if len(outs) == 1 else outs

    return kernel


def finish(
    device: Device,
    out: Expr,
    dtypes: tuple[Any, ...],
    kinds: tuple[str, ...],
    dtype: Any,
    shape: tuple[int, ...],
    kind: str,
    n_scalars: int,
) -> Callable[..., Any]:
    """One output: a full one over the widened arguments, a per-row one over those that are per row."""
    if kind == "row" and kind_of(out, kinds) not in ("row", "scalar"):
        raise ValueError(f"{out!r} is not per row")
    used = sorted(out.arg_indices())
    narrow = rewrite(out, {arg(i): arg(k) for k, i in enumerate(used)})
    program = map_program((narrow,), tuple(dtypes[i] for i in used), (dtype,), n_scalars)
    sig = Signature(tuple(TensorType(shape, dtypes[i]) for i in used), (TensorType(shape, dtype),))
    run = device.backend.primitive("map", sig, program=program, shape=shape, inplace=())
    if kind == "full":
        return lambda pool, rows, scalars: run(*[pool[i] for i in used], *scalars)
    return lambda pool, rows, scalars: run(*[rows[i] for i in used], *scalars)
