"""Neighbouring elementwise launches of a recording as one: their expressions are put into each other.

Values that only the group reads are never stored. What is computed is the same, in the same order of roundings, so a
backend that rounds each operation gives the same bits; f16, bf16 and amp values, which round at each output, stay apart.
"""

from __future__ import annotations

from typing import Any

from .elementwise import Elementwise
from .errors import DfdxError
from .expr import Expr, MapProgram, RowProgram, arg, map_program, rewrite, scalar
from .plan import Plan, kernel_plan
from .recorder import Step
from .types import Signature, TensorType

__all__ = ["fuse", "memory_roots", "overwritten"]

_MOST_STEPS, _MOST_ARRAYS = 24, 16


def overwritten(step: Step) -> tuple[int, ...]:
    """The values whose arrays a step writes to."""
    if step.plan.spec.kind == "update":
        return step.inputs[: len(step.outputs)]
    return tuple([step.inputs[j] for j in step.plan.attrs.get("inplace", ()) if j is not None])


def fuse(steps: list[Step], held: set[int]) -> list[Step]:
    """The steps with runs of elementwise ones merged; steps that do not read a run move before it."""
    views = memory_roots(steps)
    done: list[Step] = []
    group: list[Step] = []
    uses = _uses(steps)

    def close() -> None:
        inside = {v for s in group for v in s.outputs}
        outside = held | {v for v in inside if uses[v] > sum(s.inputs.count(v) for s in group)}
        merged = _merge(group, outside) if len(group) > 1 else None
        done.extend([merged] if merged is not None else group)
        group.clear()

    for step in steps:
        program = map_of(step.plan)
        made = {v for s in group for v in s.outputs}
        if program is None or step.plan.spec.name == "fill":
            if overwritten(step) or not made.isdisjoint(step.inputs) or _writes_to(group, step, views):
                close()
            done.append(step)
            continue
        if group and not _fits(group, step, views):
            close()
        group.append(step)
    close()
    return done


def map_of(plan: Plan) -> MapProgram | None:
    """The program of a launch that is a plain map, if it may be merged."""
    program: MapProgram | None = None
    if "program" in plan.attrs and plan.spec.name in ("map", "update"):
        program = plan.attrs["program"]
    elif isinstance(plan.spec, Elementwise) and not plan.device.kernels.candidates(plan.spec.name):
        ins, outs = tuple([t.dtype for t in plan.inputs]), tuple([t.dtype for t in plan.outputs])
        program = map_program(plan.spec.exprs, ins, outs, plan.spec.n_scalars)
    if isinstance(program, RowProgram):  # an update that needs a norm
        return None
    if program is None or not hasattr(plan, "device") or not plan.inputs or program.uses_random or program.uses_index:
        return None  # kernels that count elements may be other code, with functions that round otherwise
    plain = all(d.compute is d and d.is_float for d in (*program.in_dtypes, *program.out_dtypes))
    return (
        program if plain and all(program.types[o] is d for o, d in zip(program.outputs, program.out_dtypes)) else None
    )


def _uses(steps: list[Step]) -> dict[int, int]:
    uses: dict[int, int] = {}
    for s in steps:
        for v in (*s.inputs, *s.outputs):
            uses.setdefault(v, 0)
        for v in s.inputs:
            uses[v] += 1
    return uses


def memory_roots(steps: list[Step]) -> dict[int, int]:
    """Value -> the value whose memory it may share: views, and what was overwritten in place."""
    roots: dict[int, int] = {}
    for s in steps:
        if s.plan.view or s.plan.spec.name in ("permute", "broadcast", "reshape", "slice", "contiguous"):
            roots[s.outputs[0]] = roots.get(s.inputs[0], s.inputs[0])
        for old, new in zip(overwritten(s), s.outputs):
            roots[new] = roots.get(old, old)
    return roots


def _writes_to(group: list[Step], step: Step, roots: dict[int, int]) -> bool:
    """Whether the group overwrites memory that a step, which would move before it, reads."""
    written = {roots.get(v, v) for s in group for v in overwritten(s)}
    return any(roots.get(v, v) in written for v in step.inputs)


def _fits(group: list[Step], step: Step, roots: dict[int, int]) -> bool:
    """Whether a step may join: one shape, one device, no memory both overwritten and read at other places."""
    first = group[0].plan
    if step.plan.outputs[0].shape != first.outputs[0].shape or step.plan.device != first.device:
        return False
    both = [*group, step]
    if len(both) > _MOST_STEPS or len({v for s in both for v in (*s.inputs, *s.outputs)}) > 3 * _MOST_ARRAYS:
        return False
    made = {v for s in both for v in s.outputs}
    for target in {v for s in both for v in overwritten(s)}:
        same = {v for s in both for v in s.inputs if roots.get(v, v) == roots.get(target, target)}
        if same - made - {target}:
            return False
    return True


def _merge(group: list[Step], outside: set[int]) -> Step | None:
    """One step for a group; `outside` are the values that others read."""
    values: dict[int, Expr] = {}
    inputs: list[int] = []
    types: list[TensorType] = []
    scalars: list[Any] = []
    into: dict[int, int] = {}  # output -> the argument whose memory it takes
    for s in group:
        program = map_of(s.plan)
        assert program is not None
        mapping: dict[Expr, Expr] = {}
        for i, (v, type_) in enumerate(zip(s.inputs, s.plan.inputs)):
            if v not in values:
                values[v] = arg(len(inputs))
                inputs.append(v)
                types.append(type_)
            mapping[arg(i)] = values[v]
        for i in range(program.n_scalars):
            mapping[scalar(i)] = scalar(len(scalars) + i)
        scalars += s.scalars
        outputs = [rewrite(o, mapping) for o in program.outputs]
        for old, new in zip(overwritten(s), s.outputs):
            place = into.get(old, inputs.index(old) if old in inputs else None)
            if place is not None:
                into[new] = place
        values.update(zip(s.outputs, outputs))
    return _step(group, values, inputs, types, scalars, into, outside)


def _step(
    group: list[Step], values: dict[int, Expr], inputs: list[int], types: list[TensorType], scalars: list[Any],
    into: dict[int, int], outside: set[int],
) -> Step | None:  # fmt: skip
    first = group[0].plan
    outs = [(v, t) for s in group for v, t in zip(s.outputs, s.plan.outputs) if v in outside]
    if not outs or len(inputs) + len(outs) > _MOST_ARRAYS:
        return None
    used = sorted({i for v, _ in outs for i in values[v].arg_indices()} | {into[v] for v, _ in outs if v in into})
    if not used:
        return None
    place = {arg(i): arg(k) for k, i in enumerate(used)}
    exprs = tuple([rewrite(values[v], place) for v, _ in outs])
    ins = tuple([types[i] for i in used])
    program = map_program(exprs, tuple([t.dtype for t in ins]), tuple([t.dtype for _, t in outs]), len(scalars))
    sig = Signature(ins, tuple([t for _, t in outs]))
    inplace = tuple([used.index(into[v]) if v in into else None for v, _ in outs])
    attrs = {"program": program, "shape": first.outputs[0].shape, "inplace": inplace if any(i is not None for i in inplace) else ()}  # fmt: skip
    try:
        kernel = first.device.find("map", sig, attrs)
    except DfdxError:
        return None
    if kernel is None:
        return None
    plan = kernel_plan("map", kernel, sig, attrs)
    plan.device = first.device
    return Step(plan, tuple([inputs[i] for i in used]), tuple(scalars), tuple([v for v, _ in outs]))
