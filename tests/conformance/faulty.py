"""Deliberately faulty devices: the cpu backend with one kernel wrong, each in the way that real backends are."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..backends.cpu import plugin
from ..core.contract import Capabilities, DeviceInfo, KernelTable, compile_map, compile_row
from ..core.device import Backend, Device
from ..core.plugins.host import Opened

Array = Any
Kernel = Callable[..., Any]


class Fault(NamedTuple):
    """What is wrong, in which kernel, and the check that must say so: on which entry, in which dtype, on which sample."""

    name: str
    kernel: str
    change: Callable[[Kernel, Any, dict[str, Any]], Kernel]
    check: str
    kind: str
    entry: str
    dtype: str = "f32"
    sample: str = ""


class Runtime(plugin.CpuRuntime):
    """The cpu backend's, under another name."""


def device(fault: Fault | None = None, **capabilities: Any) -> Device:
    """A device of the cpu backend's kernels, one of them changed."""
    runtime, table = Runtime(), KernelTable()
    plugin.register_kernels(registry=table, runtime=runtime)
    if fault is not None:
        table._kernels[fault.kernel] = tuple(_changed(k, fault) for k in table.candidates(fault.kernel)) or (
            _new(fault),
        )
    record = SimpleNamespace(package="tests", name="faulty")
    declared = Capabilities(**{"ulp": plugin.backend_capabilities(runtime=runtime).ulp, **capabilities})
    opened = Opened(record, runtime, table, declared, DeviceInfo(0, "faulty"), lambda hook, **_: None)  # type: ignore[arg-type]
    return Device(Backend("faulty", opened))


def _changed(kernel: Any, fault: Fault) -> Any:
    def bind(sig: Any, **attrs: Any) -> Any:
        if kernel.specialize:
            inner = kernel.fn(sig, **attrs)
            if inner is NotImplemented:
                return NotImplemented
        else:
            inner = lambda *arrays: kernel.fn(*arrays, **attrs)  # noqa: E731
        return fault.change(inner, sig, attrs)

    return kernel._replace(fn=bind, specialize=True)


def _new(fault: Fault) -> Any:
    """A kernel that the cpu backend does not have."""
    table = KernelTable()
    table.kernel(fault.kernel, specialize=True)(
        lambda sig, **attrs: fault.change(lambda *_: NotImplemented, sig, attrs)
    )
    return table.candidates(fault.kernel)[0]


# ----- the faults


def _drops_the_last(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    axis = attrs["axes"][-1] if attrs["axes"] else None
    n = sig.inputs[0].shape[axis] if axis is not None else 0
    return (lambda a: inner(np.take(a, range(n - 1), axis))) if n > 1 else inner


def _swallows_nan(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    ufunc = {"max": np.fmax, "min": np.fmin}.get(attrs["kind"])
    return inner if ufunc is None else lambda a: ufunc.reduce(a, attrs["axes"])


def _narrow_sum(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    if attrs["kind"] != "sum" or sig.inputs[0].dtype.name != "f16" or len(attrs["axes"]) != 1:
        return inner
    (axis,) = attrs["axes"]
    return lambda a: np.take(np.add.accumulate(a, axis, np.float16), -1, axis)


def _same_array(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda a: a


def _writes_its_input(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    def kernel(*arrays: Array) -> Any:
        out = inner(*arrays)
        if arrays and isinstance(arrays[0], np.ndarray) and not attrs["inplace"] and arrays[0].flags.writeable:
            arrays[0][...] = arrays[0] + 1
        return out

    return kernel


def _ignores_strides(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    def flat(a: Array) -> Array:
        base = a if a.base is None else a.base
        while isinstance(base, np.ndarray) and base.base is not None:
            base = base.base
        whole = np.asarray(base).reshape(-1, order="A") if isinstance(base, np.ndarray) else a.reshape(-1)
        return whole[: a.size].reshape(a.shape) if whole.dtype == a.dtype and whole.size >= a.size else a

    return lambda *arrays: inner(*[flat(a) for a in arrays])


def _loses_repeats(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    def kernel(src: Array, index: Array) -> Array:
        if attrs["axis"]:
            return inner(src, index)
        out = np.zeros(sig.outputs[0].shape, src.dtype)
        out[index] = src
        return out

    return kernel


def _truncates(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """Drops the low bits, where half of them should round up."""
    if sig.inputs[0].dtype.name != "f32" or sig.outputs[0].dtype.name != "bf16":
        return inner
    return lambda a: inner((np.ascontiguousarray(a).view(np.uint32) & 0xFFFF0000).view(np.float32).reshape(a.shape))


def _trembles(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    rng = np.random.default_rng()

    def kernel(*arrays: Array) -> Any:
        out = np.array(inner(*arrays))
        return np.where((rng.random(out.shape) < 0.5) & np.isfinite(out), np.nextafter(out, np.float32(0)), out).astype(
            out.dtype
        )

    return kernel if len(sig.outputs) == 1 and sig.outputs[0].dtype.name == "f32" else inner


def _gives_f64(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda a: np.asarray(inner(a), np.float64)


def _wrong_axis(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """Repeats along the axis that it should not."""
    shape, n = attrs["shape"], sig.inputs[0].numel
    return lambda a: np.resize(a.reshape(-1), shape) if n > 1 else inner(a)


def _wraps(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    target = attrs["dtype"]
    if not (sig.inputs[0].dtype.is_float and target.is_int):
        return inner
    return lambda a: np.nan_to_num(a.astype(np.float64), posinf=0, neginf=0).astype(np.int64).astype(target.numpy)


def _next_block(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda key, counter: inner(key, counter + 1)


def _stale(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """Remembers the answer by program and shape."""
    known: list[Any] = []

    def kernel(*arrays: Array) -> Any:
        if not known:
            known.append(inner(*arrays))
        return np.array(known[0])

    return kernel if len(sig.outputs) == 1 and not attrs["inplace"] else inner


def _first_of_ties(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """The gradient of max goes to the first of several equal elements."""

    def kernel(g: Array, x: Array, y: Array) -> list[Array]:
        at, axes = np.zeros(x.shape, x.dtype), attrs["axes"]
        order = [i for i in range(x.ndim) if i not in axes] + list(axes)
        rows = x.transpose(order).reshape(*[x.shape[i] for i in order[: x.ndim - len(axes)]], -1)
        hit = (np.arange(rows.shape[-1]) == rows.argmax(-1)[..., None]) * np.asarray(g)[..., None]
        at.transpose(order)[...] = hit.reshape([x.shape[i] for i in order])
        return [at]

    return kernel


def _reduces_all(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """Reductions run over every axis, not only the inner ones."""
    if any(k != "full" for k in (*attrs["program"].in_kinds, *attrs["program"].out_kinds)):
        return inner
    return compile_row(attrs["program"], (), (*attrs["outer"], *attrs["inner"]))


def _clips_indices(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    n = sig.inputs[0].shape[attrs["axis"]]
    return lambda a, index: inner(a, np.clip(index, 0, n - 1))


def _forgets_the_sum(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """In place, the second operand replaces the first instead of being added to it."""
    adds = repr(attrs["program"].outputs) == "((x0 + x1),)"
    return (lambda a, b: np.array(b)) if attrs["inplace"] == (0,) and adds else inner


def _drops_the_tail(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    def kernel(*arrays: Array) -> Any:
        out = np.array(inner(*arrays))
        if out.size > 64:
            out.reshape(-1)[out.size // 64 * 64 :] = 0
        return out

    return kernel if len(sig.outputs) == 1 and not attrs["inplace"] else inner


def _loses_the_sign_of_zero(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda host: inner(host + 0 if host.dtype.kind == "f" else host)


def _in_memory_order(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda a: np.array(a.ravel(order="K").reshape(a.shape))


def _step_one(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    key = tuple(slice(a, a + n) for a, n in zip(attrs["starts"], sig.outputs[0].shape, strict=True))
    return lambda a: a[key]


def _backwards(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda *arrays: inner(*arrays[::-1])


def _ten_bits(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """As a tensor core that rounds its f32 operands to 10 bits of fraction."""
    if sig.inputs[0].dtype.name != "f32":
        return inner

    def cut(a: Array) -> Array:
        return (np.ascontiguousarray(a).view(np.uint32) & 0xFFFFE000).view(np.float32).reshape(a.shape)

    return lambda a, b: inner(cut(a), cut(b))


def _without_shift(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    axes = attrs["axes"]

    def kernel(x: Array) -> Array:
        with np.errstate(all="ignore"):
            e = np.exp(x)
            return (e / e.sum(axes, keepdims=True)).astype(x.dtype)

    return kernel


def _saturating_sum(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    if attrs["kind"] != "sum" or not sig.inputs[0].dtype.is_int:
        return inner
    info = np.iinfo(attrs["dtype"].numpy)
    return lambda a: np.clip(a.sum(attrs["axes"], dtype=np.int64), info.min, info.max).astype(attrs["dtype"].numpy)


def _shares_host_memory(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda host: host


def _is_a_view(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    return lambda a: a


def _no_dilation(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    def kernel(x: Array, w: Array) -> Array:
        (kh, kw), (dh, dw), shape = w.shape[2:], attrs["dilation"], sig.outputs[0].shape
        if (dh, dw) == (1, 1) or attrs["groups"] != 1 or attrs["stride"] != (1, 1) or attrs["padding"] != (0, 0):
            return inner(x, w)
        seen = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (2, 3))[:, :, : shape[2], : shape[3]]
        return np.einsum("nchwkl,ockl->nohw", seen, w).astype(x.dtype)

    return kernel


def _f32_once(inner: Kernel, sig: Any, attrs: Any) -> Kernel:
    """f64 maps computed in f32."""
    if any(t.dtype.name != "f64" for t in (*sig.inputs, *sig.outputs)) or attrs["inplace"]:
        return inner
    slow = compile_map(attrs["program"], attrs["shape"], ())
    return lambda *xs: np.asarray(slow(*xs)).astype(np.float32).astype(np.float64)


FAULTS = (
    Fault("a reduction drops the last element", "reduce", _drops_the_last, "forward", "primitive", "reduce", sample="sum of rows"),
    Fault("max swallows NaN", "reduce", _swallows_nan, "forward", "primitive", "reduce", sample="max with NaN"),
    Fault("f16 sums accumulate in f16", "reduce", _narrow_sum, "forward", "primitive", "reduce", "f16", "sum of many ones"),
    Fault("integer sums saturate instead of wrapping", "reduce", _saturating_sum, "forward", "op", "sum", "i8", "overflow wraps"),
    Fault("a reduction gives f64", "reduce", _gives_f64, "dtype", "primitive", "reduce"),
    Fault("a copy is the very array", "copy", _same_array, "aliasing", "primitive", "copy"),
    Fault("a map writes its input", "map", _writes_its_input, "mutation", "op", "add"),
    Fault("a map drops the last partial block", "map", _drops_the_tail, "forward", "op", "exp", sample="odd length"),
    Fault("a map trembles in the last bit", "map", _trembles, "determinism", "op", "exp"),
    Fault("a map answers by shape", "map", _stale, "fresh", "op", "exp"),
    Fault("a map in place forgets to add", "map", _forgets_the_sum, "accumulation", "op", "mul"),
    Fault("f64 maps compute in f32", "map", _f32_once, "forward", "op", "exp", "f64"),
    Fault("a product ignores strides", "matmul", _ignores_strides, "strided", "primitive", "matmul"),
    Fault("a product rounds its operands to 10 bits", "matmul", _ten_bits, "forward", "primitive", "matmul"),
    Fault("scatter_add loses repeats", "scatter_add", _loses_repeats, "forward", "primitive", "scatter_add", sample="repeats"),
    Fault("gather clips indices instead of raising", "gather", _clips_indices, "errors", "op", "gather", sample="index out of range"),
    Fault("casts truncate instead of rounding", "cast", _truncates, "forward", "primitive", "cast to bf16", sample="matrix"),
    Fault("casts to integers wrap", "cast", _wraps, "forward", "primitive", "cast to i8", sample="saturation"),
    Fault("a broadcast repeats along the wrong axis", "broadcast", _wrong_axis, "forward", "primitive", "broadcast", sample="trailing"),
    Fault("a slice ignores its steps", "slice", _step_one, "forward", "primitive", "slice", sample="steps"),
    Fault("contiguous keeps the order in memory", "contiguous", _in_memory_order, "strided", "primitive", "contiguous"),
    Fault("concat joins backwards", "concat", _backwards, "forward", "primitive", "concat"),
    Fault("copy_in loses the sign of zero", "copy_in", _loses_the_sign_of_zero, "forward", "primitive", "copy_in", sample="every bit"),
    Fault("copy_in keeps the host's memory", "copy_in", _shares_host_memory, "forward", "primitive", "copy_in"),
    Fault("copy_out shows the device's memory", "copy_out", _is_a_view, "forward", "primitive", "copy_out"),
    Fault("random bits start one block late", "random_bits", _next_block, "forward", "primitive", "random_bits", "u32"),
    Fault("a row program reduces all axes", "row", _reduces_all, "forward", "primitive", "row", sample="softmax of rows"),
    Fault("softmax without subtracting the maximum", "softmax", _without_shift, "forward", "op", "softmax", sample="large values"),
    Fault("the gradient of max goes to the first tie", "max.backward", _first_of_ties, "gradient", "op", "max", sample="ties"),
    Fault("a convolution ignores dilation", "conv2d", _no_dilation, "forward", "op", "conv2d", sample="dilation"),
)  # fmt: skip
