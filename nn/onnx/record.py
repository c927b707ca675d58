"""The forward pass as a list of launches, on a CPU whose launches are those that ONNX has a word for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from ...core.cell import new_cell
from ...core.device import Backend, Device, device
from ...core.dispatch import Plan, apply
from ...core.door import set_watcher
from ...core.plugins.kernels import KernelTable
from ...core.public import Tensor
from ...core.registry import OPS, PRIMITIVES
from ...core.tensor import wrap
from ...core.types import Signature
from ..build import inputs_for

__all__ = ["Launch", "Recording", "record"]


class Launch(NamedTuple):
    """One op: its spec, attributes, numbers, and the values it reads and writes, by position in the recording."""

    spec: Any
    attrs: dict[str, Any]
    scalars: tuple[Any, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    in_types: tuple[Any, ...]
    out_types: tuple[Any, ...]


@dataclass
class Recording:
    """Launches in order; `constants` are the values that no launch made, `names` those of them that are parameters."""

    launches: list[Launch]
    inputs: list[int]
    outputs: list[int]
    in_types: list[Any]
    out_types: list[Any]
    constants: dict[int, Any]
    names: dict[int, str]
    out_shapes: list[tuple[Any, ...]]
    stretched: dict[int, tuple[Any, ...]] = field(default_factory=dict)  # constants that are repeated to a shape


def record(model: Any, input: Any, free: int, whole: Sequence[str]) -> Recording:
    """Run the model once on zeros of the shapes in `input`, with `free` for None.

    * `whole`: the composite ops that are one launch; every other one runs, and is recorded, as its parts.
    """
    dev = _recording_cpu(whole)
    copy = model.to_device(dev)
    values: dict[int, int] = {}  # array -> its latest number
    kept: list[Any] = []  # arrays by number, alive so that no id comes twice
    launches: list[Launch] = []

    def new(array: Any) -> int:
        values[id(array)] = len(kept)
        kept.append(array)
        return values[id(array)]

    def place(array: Any) -> int:
        return values[id(array)] if id(array) in values else new(array)

    def watch(plan: Plan, inputs: tuple[Any, ...]) -> Any:
        out, n = plan.kernel(*inputs), len(plan.inputs)
        if OPS.get(plan.spec.name) is not plan.spec:  # a fill or a draw: its result is a constant here
            return out
        ins = tuple([place(a) for a in inputs[:n]])
        outs = tuple([new(a) for a in (out if plan.type is None else (out,))])  # also where a view is its own input
        launches.append(Launch(plan.spec, plan.attrs, inputs[n:], ins, outs, plan.inputs, plan.outputs))
        return out

    given = inputs_for(dev, input, model._dtype, free)
    inputs = list(_flat(given))
    starts = [place(t._cell.array) for t in inputs]
    names = {place(n.tensor._cell.array): n.path for n in copy.named_tensors()}
    former = set_watcher(watch)
    try:
        result = list(_flat(copy(*given)))
    finally:
        set_watcher(former)
    made = {o for launch in launches for o in launch.outputs}
    ends = [place(t._cell.array) for t in result]
    constants = {i: a for i, a in enumerate(kept) if i not in made and i not in starts}
    in_types, out_types = [t._type for t in inputs], [t._type for t in result]
    return Recording(launches, starts, ends, in_types, out_types, constants, names, [tuple(t.shape) for t in result])


def _recording_cpu(whole: Sequence[str]) -> Device:
    """The CPU with the primitives, `row`, and the composites that are to be one launch."""
    backend = device("cpu").backend
    table = KernelTable()
    table._kernels = {n: k for n, k in backend.kernels._kernels.items() if n in (*PRIMITIVES, "row")}
    for name in whole:
        table.kernel(name, specialize=True)(partial(_as_one, OPS[name]))
    return Device(Backend("cpu", replace(backend.opened, kernels=table)))


def _as_one(spec: Any, sig: Signature, **attrs: Any) -> Any:
    """The whole op on the ordinary CPU, unrecorded."""
    cpu, values = device("cpu"), tuple(attrs[k] for k in spec.attrs)

    def kernel(*arrays: Any) -> Any:
        former = set_watcher(None)
        try:
            tensors = tuple(wrap(new_cell(a), t, cpu) for a, t in zip(arrays, sig.inputs, strict=True))
            return apply(spec, tensors, values)._cell.array
        finally:
            set_watcher(former)

    return kernel


def _flat(out: Any) -> Any:
    if isinstance(out, Tensor):
        yield out
    else:
        for o in out:
            yield from _flat(o)
