"""The forward pass as a list of launches, on a CPU that has only the kernels that ONNX has a word for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...core.device import Backend, Device, device
from ...core.dispatch import Plan, set_watcher
from ...core.plugins.kernels import KernelTable
from ...core.public import DfdxError, Tensor
from ...core.registry import PRIMITIVES
from ..build import inputs_for

__all__ = ["Affine", "Launch", "Recording", "record", "unify"]


class Affine(NamedTuple):
    """A dim that follows the free one: `slope * n + offset`."""

    slope: int
    offset: int


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
    """Launches in order; `constants` are the values that no launch made, `names` those that are parameters."""

    launches: list[Launch]
    inputs: list[int]
    outputs: list[int]
    in_types: list[Any]
    out_types: list[Any]
    constants: dict[int, Any]
    names: dict[int, str]


def record(model: Any, input: Any, free: int, kernels: Sequence[str]) -> Recording:
    """Run the model once on zeros of the shapes in `input`, with `free` for None.

    * `kernels`: the optional kernels that stay; every other composite op runs, and is recorded, as its parts.
    """
    dev = _reduced_cpu(kernels)
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
        ins = tuple([place(a) for a in inputs[:n]])
        outs = tuple([new(a) for a in (out if plan.type is None else (out,))])  # also where a view is its own input
        launches.append(Launch(plan.spec, plan.attrs, inputs[n:], ins, outs, plan.inputs, plan.outputs))
        return out

    given = inputs_for(dev, input, model._dtype, free)
    starts = [place(t._cell.array) for t in given]
    names = {place(n.tensor._cell.array): n.path for n in copy.named_tensors()}
    former = set_watcher(watch)
    try:
        result = list(_flat(copy(*given)))
    finally:
        set_watcher(former)
    made = {o for launch in launches for o in launch.outputs}
    ends = [place(t._cell.array) for t in result]
    constants = {i: a for i, a in enumerate(kept) if i not in made and i not in starts}
    in_types, out_types = [t._type for t in given], [t._type for t in result]
    return Recording(launches, starts, ends, in_types, out_types, constants, names)


def _reduced_cpu(kernels: Sequence[str]) -> Device:
    backend = device("cpu").backend
    table = KernelTable()
    table._kernels = {n: k for n, k in backend.kernels._kernels.items() if n in (*PRIMITIVES, "row", *kernels)}
    return Device(Backend("cpu", replace(backend.opened, kernels=table)))


def _flat(out: Any) -> Any:
    if isinstance(out, Tensor):
        yield out
    else:
        for o in out:
            yield from _flat(o)


def unify(a: Any, b: Any, sizes: tuple[int, int]) -> Any:
    """The same attribute at two sizes of the free dim: equal, or an `Affine` dim."""
    if isinstance(a, (tuple, list)) and type(a) is type(b) and len(a) == len(b):
        return tuple([unify(x, y, sizes) for x, y in zip(a, b, strict=True)])
    if a is b or (type(a) is type(b) and a == b):
        return a
    if type(a) is int and type(b) is int:
        slope, rest = divmod(b - a, sizes[1] - sizes[0])
        if rest == 0:
            return Affine(slope, a - slope * sizes[0])
    raise DfdxError(
        f"[export_onnx] {a!r} becomes {b!r} with another size of the free dim, which ONNX cannot follow\n"
        "  hint: give input= a fixed size instead of None"
    )
