"""What PyTorch does better than the generic kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from dfdx.core.contract import DType

DT = type[DType]


def _widening(fn: Any, dtype: DT) -> Any:
    """fn in f32 for narrow floats, with one rounding."""
    if dtype.compute is dtype:
        return fn

    def wide(*arrays: Any) -> Any:
        out = fn(*[a.float() for a in arrays])
        return out.to(arrays[0].dtype)

    return wide


def _exact(fn: Any) -> Any:
    """fn without TF32, to which cuDNN rounds f32 inputs of convolutions unless told otherwise."""

    def run(*arrays: Any) -> Any:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return fn(*arrays)

    return run if torch.backends.cudnn.is_available() else fn


def conv2d(sig: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    fn = _exact(lambda x, w: F.conv2d(x, w, None, stride, padding, dilation, groups))
    return _widening(fn, sig.outputs[0].dtype)


def _gradient(at: tuple[Any, ...], groups: int, mask: list[bool]) -> Any:
    def run(g: Any, x: Any, w: Any) -> Any:
        return torch.ops.aten.convolution_backward(g, x, w, None, *at, False, [0, 0], groups, mask)[mask.index(True)]

    return run


def conv2d_input(sig: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    shape, run = sig.outputs[0].shape, _gradient((stride, padding, dilation), groups, [True, False, False])
    fn = _exact(lambda g, w: run(g, g.new_empty(1).expand(shape), w))
    return _widening(fn, sig.outputs[0].dtype)


def conv2d_weight(sig: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    shape, run = sig.outputs[0].shape, _gradient((stride, padding, dilation), groups, [False, True, False])
    fn = _exact(lambda x, g: run(g, x, g.new_empty(1).expand(shape)))
    return _widening(fn, sig.outputs[0].dtype)


def attention(sig: Any, *, causal: bool, scale: float) -> Any:
    def run(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        if causal and mask is not None:
            mask = mask.masked_fill(mask.new_ones(mask.shape, dtype=torch.bool).tril().logical_not(), float("-inf"))
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal and mask is None, scale=scale)

    return _widening(run, sig.outputs[0].dtype)


def linear(sig: Any) -> Any:
    return _widening(lambda x, w, b=None: F.linear(x, w, b), sig.outputs[0].dtype)


def cumsum(sig: Any, *, axis: int) -> Any:
    if sig.outputs[0].dtype.kind != "float":
        return NotImplemented
    return _widening(lambda a: torch.cumsum(a, axis), sig.outputs[0].dtype)


def argsort(a: Any, *, axis: int, descending: bool) -> Any:
    return torch.argsort(a, dim=axis, descending=descending, stable=True)


def add_at(values: Any, rows: Any, count: int) -> Any:
    """Rows of zeros to which values are added."""
    return values.new_zeros((count, values.shape[1])).index_add_(0, rows, values)


def register(registry: Any, runtime: Any, guard: Any) -> None:
    def add(make: Any) -> None:
        def specialized(sig: Any, **attrs: Any) -> Any:
            kernel = make(sig, **attrs)
            return kernel if kernel is NotImplemented else guard(kernel)

        registry.kernel(make.__name__, specialize=True)(specialized)

    for make in (conv2d, conv2d_input, conv2d_weight, attention, linear, cumsum):
        add(make)
    registry.kernel("argsort")(argsort)
    registry.kernel("contiguous")(lambda a: a.contiguous())
    registry.kernel("copy")(lambda a: a.clone(memory_format=torch.contiguous_format))
    registry.kernel("synchronize")(runtime.synchronize)
