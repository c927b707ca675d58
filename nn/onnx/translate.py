"""Ops as ONNX nodes: elementwise and row ops through their expressions, the rest by one function each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.elementwise import Elementwise
from ...core.expr import map_program, row_program
from ...core.public import DfdxError, bool_, i64
from ...core.registry import OPS
from ...core.rowops import RowOp
from .expressions import emit_program
from .free import Affine
from .graph import Graph, element_type
from .record import Launch

__all__ = ["WHOLE", "translate"]

Word = Callable[..., str | list[str]]  # one output, or several
_WORDS: dict[str, Word] = {}


def _word(*names: str) -> Callable[[Any], Any]:
    def add(f: Word) -> Word:
        _WORDS.update(dict.fromkeys(names, f))
        return f

    return add


def translate(g: Graph, launch: Launch, inputs: Sequence[str]) -> list[str]:
    """The names of a launch's outputs."""
    spec = launch.spec
    if isinstance(spec, Elementwise):
        return _elementwise(g, launch, inputs)
    if isinstance(spec, RowOp):
        return _row(g, launch, inputs)
    if spec.name not in _WORDS:
        raise DfdxError(f"[export_onnx] the op {spec.name!r} has no form in ONNX")
    out = _WORDS[spec.name](g, launch, *inputs, **launch.attrs)
    return [out] if isinstance(out, str) else out


def _dtypes(types: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([t.dtype for t in types])


def _elementwise(g: Graph, launch: Launch, inputs: Sequence[str]) -> list[str]:
    spec = launch.spec
    program = map_program(spec.exprs, _dtypes(launch.in_types), _dtypes(launch.out_types), spec.n_scalars)
    return emit_program(g, program, inputs, launch.scalars)


def _row(g: Graph, launch: Launch, inputs: Sequence[str]) -> list[str]:
    """Arguments that lack some axes get them as size-1 dims, and ONNX stretches those."""
    spec, axes = launch.spec, launch.attrs["axes"]
    rank = len(launch.in_types[spec._first_full()].shape)
    lacking = {"full": (), "row": axes, "col": tuple(i for i in range(rank) if i not in axes), "scalar": ()}
    kinds = spec.in_kinds, spec.out_kinds
    program = row_program(spec.exprs, _dtypes(launch.in_types), _dtypes(launch.out_types), spec.n_scalars, *kinds)
    ready = [_unsqueeze(g, x, lacking[k]) for x, k in zip(inputs, spec.in_kinds, strict=True)]
    outs = emit_program(g, program, ready, launch.scalars, axes)
    return [
        g.node("Squeeze", o, g.ints(axes)) if k == "row" and axes else o
        for o, k in zip(outs, spec.out_kinds, strict=True)
    ]


def _unsqueeze(g: Graph, x: str, axes: tuple[int, ...]) -> str:
    return g.node("Unsqueeze", x, g.ints(axes)) if axes else x


# ----- views


@_word("permute")
def _permute(g: Graph, _: Launch, x: str, *, axes: tuple[int, ...]) -> str:
    return g.node("Transpose", x, perm=axes)


@_word("broadcast")
def _broadcast(g: Graph, _: Launch, x: str, *, shape: tuple[Any, ...], axes: tuple[int, ...]) -> str:
    return g.node("Expand", _unsqueeze(g, x, axes), g.ints(shape))


@_word("reshape")
def _reshape(g: Graph, _: Launch, x: str, *, shape: tuple[Any, ...]) -> str:
    if sum(isinstance(d, Affine) for d in shape) == 1:  # one free dim needs no arithmetic
        shape = tuple(-1 if isinstance(d, Affine) else d for d in shape)
    return g.node("Reshape", x, g.ints(shape))


@_word("slice")
def _slice(g: Graph, _: Launch, x: str, *, starts: Any, stops: Any, steps: Any) -> str:
    return g.node("Slice", x, g.ints(starts), g.ints(stops), g.ints(range(len(starts))), g.ints(steps))


@_word("contiguous")
def _contiguous(g: Graph, _: Launch, x: str) -> str:
    return g.node("Identity", x)


@_word("concat")
def _concat(g: Graph, _: Launch, *xs: str, axis: int) -> str:
    return g.node("Concat", *xs, axis=axis)


@_word("unstack")
def _unstack(g: Graph, launch: Launch, x: str, *, axis: int) -> list[str]:
    return [g.node("Gather", x, g.constant(k, i64), axis=axis) for k in range(len(launch.out_types))]


# ----- values


@_word("cast")
def _cast(g: Graph, _: Launch, x: str, *, dtype: Any) -> str:
    return g.node("Cast", x, to=element_type(dtype))


@_word("sum", "prod", "max", "min")
def _reduce(g: Graph, launch: Launch, x: str, *, axes: tuple[int, ...]) -> str:
    out = launch.out_types[0].dtype
    if launch.in_types[0].dtype is bool_:
        x = g.node("Cast", x, to=element_type(out))
    if not axes:
        return g.node("Identity", x)
    return g.node(f"Reduce{launch.spec.name.title()}", x, g.ints(axes), keepdims=0)


@_word("matmul")
def _matmul(g: Graph, _: Launch, a: str, b: str) -> str:
    return g.node("MatMul", a, b)


@_word("linear")
def _linear(g: Graph, launch: Launch, x: str, w: str, *bias: str) -> str:
    if len(launch.in_types[0].shape) == 2:
        return g.node("Gemm", x, w, *bias, transB=1)
    y = g.node("MatMul", x, g.node("Transpose", w, perm=(1, 0)))
    return g.node("Add", y, *bias) if bias else y


@_word("gather")
def _gather(g: Graph, _: Launch, x: str, index: str, *, axis: int) -> str:
    if axis == 0:
        return g.node("Gather", x, index, axis=0)
    return g.node("GatherND", x, g.node("Unsqueeze", index, g.ints((-1,))), batch_dims=axis)


# ----- images


def _window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    return {"kernel_shape": kernel, "strides": stride, "pads": (*padding, *padding), "dilations": dilation}


@_word("conv2d")
def _conv(g: Graph, launch: Launch, x: str, w: str, *, groups: int, **at: Any) -> str:
    return g.node("Conv", x, w, group=groups, **_window(launch.in_types[1].shape[2:], **at))


@_word("conv2d_input")
def _conv_input(g: Graph, launch: Launch, y: str, w: str, *, size: Any, groups: int, **at: Any) -> str:
    kernel, made = launch.in_types[1].shape[2:], launch.in_types[0].shape[2:]
    least = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, k, s, p, d in zip(made, kernel, at["stride"], at["padding"], at["dilation"], strict=True)
    ]
    extra = [n - m for n, m in zip(size, least, strict=True)]
    return g.node("ConvTranspose", y, w, group=groups, output_padding=extra, **_window(kernel, **at))


@_word("pool2d")
def _pool(g: Graph, _: Launch, x: str, *, kind: str, **at: Any) -> str:
    if kind == "avg":
        return g.node("AveragePool", x, count_include_pad=1, **_window(**at))
    if kind == "max":
        return g.node("MaxPool", x, **_window(**at))
    return g.node("Neg", g.node("MaxPool", g.node("Neg", x), **_window(**at)))


@_word("upscale2d")
def _upscale(g: Graph, launch: Launch, x: str, *, size: Any, method: str) -> str:
    from onnx import helper

    mode = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    if method == "bilinear":
        mode = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    out = g.name()
    g.nodes.append(helper.make_node("Resize", [x, "", "", g.ints(size)], [out], axes=(2, 3), **mode))
    return out


# ----- orders


@_word("argmax", "argmin")
def _extreme(g: Graph, launch: Launch, x: str, *, axis: int) -> str:
    return g.node("ArgMax" if launch.spec.name == "argmax" else "ArgMin", x, axis=axis, keepdims=0)


@_word("argsort")
def _argsort(g: Graph, _: Launch, x: str, *, axis: int, descending: bool) -> str:
    from onnx import helper

    values, indices = g.name(), g.name()
    count = g.node("Shape", x, start=axis, end=axis + 1)
    g.nodes.append(helper.make_node("TopK", [x, count], [values, indices], axis=axis, largest=int(descending)))
    return indices


@_word("cumsum")
def _cumsum(g: Graph, launch: Launch, x: str, *, axis: int) -> str:
    return g.node("CumSum", _cast(g, launch, x, dtype=launch.out_types[0].dtype), g.constant(axis, i64))


# composites that ONNX has a word for stay whole; all others are recorded as their parts
WHOLE = tuple(name for name in _WORDS if OPS[name].kind == "composite")
