"""Moving between dtypes and devices: both are recorded."""

from __future__ import annotations

from typing import Any

from ..cell import Empty, new_cell
from ..dispatch import Plan, _record, apply, moved
from ..door import refuse
from ..dtypes import DType, as_dtype
from ..errors import DTypeError
from ..registry import OpSpec, Primitive, register
from ..tensor import Tensor, wrap
from ..types import TensorType
from ._define import as_tensor, public


def _infer(x: Tensor, dtype: type[DType]) -> TensorType:
    if not x.device.supports(dtype):
        raise DTypeError(f"[to_dtype] {x.device.name} has no {dtype.name}")
    return TensorType(x.shape, dtype)


_CAST: OpSpec = register(
    Primitive(
        "cast",
        _infer,
        attrs=("dtype",),
        vjp=lambda e, g, n: (g.to_dtype(e.inputs[0].dtype),),
        family="cast",
        doc="Another dtype: floats to ints saturate, NaN to 0, anything to bool asks whether it is not 0.",
    )
)


@public("astype")
def to_dtype(x: Any, dtype: Any) -> Any:
    """x in another dtype; differentiable between floats. Floats to integers truncate and saturate, NaN gives 0.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([1.7, -300.0]).to_dtype(dfdx.i8).tolist()
    [1, -128]
    """
    dtype = as_dtype(dtype)
    if as_tensor("to_dtype", x).dtype is dtype:
        return x
    return apply(_CAST, (x,), (dtype,))


_TO_DEVICE: OpSpec = OpSpec(
    "to_device",
    lambda x, source: TensorType(x.shape, x.dtype),
    attrs=("source",),
    vjp=lambda e, g, n: (g.to_device(e.attrs["source"]),),
    family="cast",
)


@public("to")
def to_device(x: Any, device: Any) -> Any:
    """A copy of x on another device (a `Device` or a name), recorded if x owns a tape."""
    from ..device import Device
    from ..device import device as open_device

    target: Device = device if isinstance(device, Device) else open_device(device)
    if as_tensor("to_device", x)._serial is not None and x._tape is None and x.dtype.is_float:
        raise moved(_TO_DEVICE, (x,))
    if not target.supports(x.dtype):
        raise DTypeError(f"[to_device] {target.name} has no {x.dtype.name}; x.to_dtype(...) first")
    out = wrap(new_cell(_copy(x, target)), x._type, target)
    if x._tape is not None and x.dtype.is_float:
        plan = Plan.__new__(Plan)
        plan.spec, plan.attrs, plan.inputs, plan.saves = _TO_DEVICE, {"source": x.device}, (x._type,), ()
        plan.outputs, plan.type, plan.float_inputs, plan.pullbacks = plan.inputs, x._type, (True,), {}
        plan.device = target
        _record(x._tape, plan, (x,), (out,), ())
    return out


def _copy(x: Tensor, target: Any) -> Any:
    if x.numel == 0:
        return Empty(x.shape, x.dtype)
    if target.runtime is x.device.runtime:
        return x.device.copy_cell(x._cell, x._type)
    refuse("t.to_device moves values between devices")
    host = x.device.backend.primitive("copy_out", dtype=x.dtype)(x._cell.array)
    return target.backend.primitive("copy_in", dtype=x.dtype)(host)
