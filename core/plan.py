"""What an op call on given types comes to, found once: every check of shapes, dtypes and attributes happens here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .calls import picker, short_key
from .cell import Empty
from .checks import shape_error
from .registry import Composite, OpSpec
from .types import MAX_RANK, Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .tensor import Tensor

__all__ = ["Plan", "kernel_plan", "make_plan"]

_new = object.__new__


class Plan:
    """What one call of an op on given types comes to: the kernel, the output types, what a tape saves."""

    __slots__ = (
        "attrs", "body", "device", "differentiable", "float_inputs", "inputs", "kernel", "outputs", "pick", "pullbacks", "saves", "short",
        "spec", "type", "view", "whole",
    )  # fmt: skip

    spec: OpSpec
    attrs: dict[str, Any]
    kernel: Callable[..., Any]
    body: Callable[..., Any] | None  # a composite's, where there is no kernel
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    type: TensorType | None  # of the only output
    differentiable: bool
    whole: bool  # one entry on a tape; otherwise the parts of the body are recorded
    short: Any  # its key on the op's short path, if it qualifies: one output, a kernel, no view, a gradient
    device: Device  # the one that the short path last ran on
    float_inputs: tuple[bool, ...]
    saves: tuple[int, ...]
    pick: Any  # takes the saved cells (see `picker`); of plans with a short path
    view: bool
    pullbacks: dict[int, Any]  # how gradients flow back, by the inputs that need one (see `pullback`)


def make_plan(spec: OpSpec, tensors: tuple[Tensor, ...], values: tuple[Any, ...], device: Device) -> Plan:
    """Validate an op call and find its kernel; raises before anything has run."""
    plan = _new(Plan)
    plan.spec, plan.body, plan.short, plan.pullbacks, plan.device = spec, None, None, {}, device
    plan.whole = not isinstance(spec, Composite) or spec.has_vjp
    plan.attrs = attrs = dict(zip(spec.attrs, values, strict=True))
    plan.inputs = tuple(t._type for t in tensors)
    if isinstance(spec, Composite) and not spec.has_rule:
        plan.body, plan.differentiable = spec.body, True
        return plan
    out = spec.infer(tensors, attrs)
    single = isinstance(out, TensorType)
    plan.outputs = (out,) if single else tuple(out)
    plan.type = out if single else None
    for o in plan.outputs:
        if len(o.shape) > MAX_RANK:
            raise shape_error(
                spec.name,
                f"the result would have rank {len(o.shape)}, above {MAX_RANK}",
                dict(zip("abcdef", tensors, strict=False)),
            )
    plan.float_inputs = tuple(t.dtype.is_float for t in plan.inputs)
    plan.differentiable = spec.differentiable and any(plan.float_inputs) and any(o.dtype.is_float for o in plan.outputs)
    plan.view = spec.is_view
    saves = [-1 if isinstance(s, str) else s for s in spec.saves if s == "out" or int(s) < len(tensors)]
    plan.saves = tuple(saves) if plan.differentiable else ()
    kernel = _kernel(spec, device, Signature(plan.inputs, plan.outputs), attrs)
    if kernel is None:
        plan.body = spec.body
    else:
        plan.kernel = kernel
        if single and plan.whole and plan.differentiable and not plan.view:
            plan.short = short_key(plan.inputs, values, spec.uniform)
            plan.pick = picker(plan.saves)
    return plan


def _kernel(spec: OpSpec, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
    if all(o.numel == 0 for o in sig.outputs):
        empties = tuple(Empty(o.shape, o.dtype) for o in sig.outputs)
        answer = empties[0] if len(empties) == 1 else empties
        return lambda *_: answer
    if any(t.numel == 0 for t in sig.inputs):
        kernel = spec.on_empty(device, sig, attrs)
        if kernel is not None or isinstance(spec, Composite):
            return kernel
    return spec.bind(device, sig, attrs)


def kernel_plan(
    name: str, kernel: Callable[..., Any], sig: Signature, attrs: dict[str, Any], view: bool = False
) -> Plan:
    """A plan around a kernel that no op call asked for: a primitive, or a fused gradient. `type` tells one output from several."""
    plan = _new(Plan)
    plan.spec, plan.kernel, plan.attrs = OpSpec(name), kernel, attrs
    plan.inputs, plan.outputs = sig
    plan.type = sig.outputs[0] if len(sig.outputs) == 1 else None
    plan.body = plan.short = None
    plan.differentiable, plan.whole, plan.view, plan.saves, plan.pullbacks = False, True, view, (), {}
    return plan
