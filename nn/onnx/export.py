"""`model.export_onnx(path, input=...)`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ...core.dtypes import dtype_of_numpy
from .free import SIZES, Affine, unified
from .graph import Graph, element_type
from .record import Recording, record
from .translate import WHOLE, translate

__all__ = ["export_onnx"]

OPSET = 20


def export_onnx(model: Any, path: str | os.PathLike[str], input: Any) -> None:
    """Write the forward pass of a built module as an ONNX model.

    * `input`: a shape, or a list of shapes or of (shape, dtype); None is a free dim, the same wherever it stands. A list inside
      of the list is a tuple of tensors: `[(None, 8), [(None, 16), (None, 16)]]` for an LSTM cell and its state.

    Inputs are named x0, x1, ..., outputs y0, y1, ...; parameters keep their dotted paths. Dropout passes, batch
    normalisation uses its running statistics. Raises `ImportError` without the package `onnx`, and `DfdxError` for an op
    that ONNX has no form for.
    """
    try:
        from onnx import helper, save
    except ImportError as e:
        raise ImportError('[export_onnx] needs the package onnx: pip install "dfdx[onnx]"') from e
    model._require_built("export_onnx")
    shapes = _shapes(input)
    recording = record(model, input, SIZES[0], WHOLE)
    if any(None in s for s in shapes):
        recording = unified(recording, record(model, input, SIZES[1], WHOLE))
    graph, names = Graph(), {i: f"x{k}" for k, i in enumerate(recording.inputs)}
    graph.free = next(((f"x{k}", s.index(None)) for k, s in enumerate(shapes) if None in s), None)
    names |= _constants(graph, recording)
    for launch in recording.launches:
        names.update(zip(launch.outputs, translate(graph, launch, [names[i] for i in launch.inputs]), strict=True))
    for k, i in enumerate(recording.outputs):
        graph.nodes.append(helper.make_node("Identity", [names[i]], [f"y{k}"]))
    starts = _infos("x", recording.in_types, shapes)
    ends = _infos("y", recording.out_types, recording.out_shapes)
    body = helper.make_graph(graph.nodes, type(model).__name__, starts, ends, graph.initializers)
    made = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="dfdx", ir_version=9)
    save(made, os.fspath(path))


def _constants(graph: Graph, recording: Recording) -> dict[int, str]:
    """The parameters and constants that are read, as stored tensors."""
    used, names = {i for launch in recording.launches for i in launch.inputs} | set(recording.outputs), {}
    for i in used & set(recording.constants):
        array = recording.constants[i]
        names[i] = graph.initializer(recording.names.get(i) or graph.name(), array, dtype_of_numpy(array.dtype))
        if i in recording.stretched:
            names[i] = graph.node("Expand", names[i], graph.ints(recording.stretched[i]))
    return names


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
