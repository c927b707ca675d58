"""`model.export_onnx(path, input=...)`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.dtypes import dtype_of_numpy
from ...core.public import DfdxError
from .graph import Graph, element_type
from .record import Affine, Launch, Recording, record, unify
from .translate import KERNELS, translate

__all__ = ["export_onnx"]

OPSET = 20
_SIZES = (2, 3)  # of the free dim: what differs between the two follows it


def export_onnx(model: Any, path: str | os.PathLike[str], input: Any) -> None:
    """Write the forward pass of a built module as an ONNX model.

    * `input`: a shape, or a list of shapes or of (shape, dtype); None is a free dim, the same wherever it stands.

    Inputs are named x0, x1, ..., outputs y0, y1, ...; parameters keep their dotted paths. Dropout passes, batch
    normalisation uses its running statistics. Raises `ImportError` without the package `onnx`, and `DfdxError` for an op
    that ONNX has no form for.
    """
    try:
        from onnx import helper, save
    except ImportError as e:
        raise ImportError('[export_onnx] needs the package onnx: pip install "dfdx[onnx]"') from e
    model._require_built("export_onnx")
    first = record(model, input, _SIZES[0], KERNELS)
    launches, outputs = first.launches, [tuple(t.shape) for t in first.out_types]
    if any(None in s for s in _shapes(input)):
        launches, outputs = _unified(first, record(model, input, _SIZES[1], KERNELS))
    shapes = _shapes(input)
    graph, names = Graph(), {i: f"x{k}" for k, i in enumerate(first.inputs)}
    graph.free = next(((f"x{k}", s.index(None)) for k, s in enumerate(shapes) if None in s), None)
    used = {i for launch in launches for i in launch.inputs} | set(first.outputs)
    for i, array in first.constants.items():
        if i in used:
            names[i] = graph.initializer(first.names.get(i) or graph.name(), array, dtype_of_numpy(array.dtype))
    for launch in launches:
        names.update(zip(launch.outputs, translate(graph, launch, [names[i] for i in launch.inputs]), strict=True))
    for k, i in enumerate(first.outputs):
        graph.nodes.append(helper.make_node("Identity", [names[i]], [f"y{k}"]))
    starts, ends = _infos("x", first.in_types, shapes), _infos("y", first.out_types, outputs)
    body = helper.make_graph(graph.nodes, type(model).__name__, starts, ends, graph.initializers)
    made = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="dfdx", ir_version=9)
    save(made, os.fspath(path))


def _infos(letter: str, types: Sequence[Any], shapes: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What ONNX says of the inputs or outputs."""
    from onnx import helper

    return [
        helper.make_tensor_value_info(f"{letter}{k}", element_type(t.dtype), [_dim(d) for d in shape])
        for k, (t, shape) in enumerate(zip(types, shapes, strict=True))
    ]


def _dim(d: Any) -> Any:
    """A size, or the name of one that follows the free dim n."""
    if isinstance(d, Affine):
        return "n" if d == (1, 0) else f"{d.slope}*n+{d.offset}"
    return "n" if d is None else d


def _shapes(input: Any) -> list[tuple[Any, ...]]:
    """The shape of each input."""
    if isinstance(input, list):
        return [s for i in input for s in _shapes(i)]
    if len(input) == 2 and isinstance(input[0], (tuple, list)):
        return [tuple(input[0])]
    return [tuple(input)]


def _unified(a: Recording, b: Recording) -> tuple[list[Launch], list[Any]]:
    """The launches with what follows the free dim named."""
    if [x.spec for x in a.launches] != [x.spec for x in b.launches] or a.outputs != b.outputs:
        raise DfdxError(
            "[export_onnx] the model runs other ops at another size of the free dim\n  hint: give input= a fixed size"
        )
    launches = []
    for x, y in zip(a.launches, b.launches, strict=True):
        attrs = {k: unify(v, y.attrs[k], _SIZES) for k, v in x.attrs.items()}
        launches.append(x._replace(attrs=attrs, scalars=unify(x.scalars, y.scalars, _SIZES)))
    outs = [unify(tuple(s.shape), tuple(t.shape), _SIZES) for s, t in zip(a.out_types, b.out_types, strict=True)]
    _same_constants(a, b)
    return launches, outs


def _same_constants(a: Recording, b: Recording) -> None:
    for i, array in a.constants.items():
        other = b.constants.get(i)
        if i not in a.names and (other is None or not np.array_equal(array, other, equal_nan=array.dtype.kind == "f")):
            raise DfdxError(
                "[export_onnx] the model makes a constant (a mask or a range) whose size follows the free dim\n"
                "  hint: give input= a fixed size instead of None"
            )
