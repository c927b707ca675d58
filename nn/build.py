"""From a specification to a module with tensors."""

from __future__ import annotations

import copy
from typing import Any

from ..core import device as _device
from ..core.public import Device, DTypeError, ShapeError
from .dims import Known
from .module import Module
from .param import Param
from .sequential import Sequential

__all__ = ["build", "shape_check"]


def build(device: Device, spec: Any, dtype: Any, input: Any = None) -> Module:
    """A built copy of a specification; checks adjacent widths, and with `input` the whole model, before any tensor exists."""
    if isinstance(spec, (tuple, list)):
        spec = Sequential(*spec)
    if isinstance(spec, type) and issubclass(spec, Module):
        raise TypeError(f"[build_module] {spec.__name__} is a class; pass an instance, {spec.__name__}(...)")
    if not isinstance(spec, Module):
        raise TypeError(f"[build_module] takes a module or a tuple of modules, not {type(spec).__name__}")
    if not dtype.is_float:
        raise DTypeError(f"[build_module] parameters are floats, not {dtype.name}")
    spec = located(spec, "")
    spec.propagate(Known())
    if input is not None:
        shape_check(spec, input, dtype)
    return _built(device, spec, dtype)


def located(spec: Module, path: str) -> Module:
    """A copy of a specification whose parts know where they stand; a part used twice becomes two."""
    new = copy.copy(spec)
    new.__dict__["_path"] = path
    for name, child in spec.children():
        new.__dict__[name] = located(child, f"{path}.{name}" if path else name)
    return new


def shape_check(spec: Module, input: Any, dtype: Any) -> Any:
    """The output of a model on the shapes-only device, given shapes as `inputs_for` takes them; None fits if 1 or 64 does."""
    null = _device.device("null")
    model = spec.to_device(null).to_dtype(dtype) if spec._device is not None else _built(null, spec, dtype)
    try:
        return model(*inputs_for(null, input, dtype))
    except ShapeError as first:
        try:
            return model(*inputs_for(null, input, dtype, 64))
        except ShapeError:
            raise first from None


def inputs_for(device: Device, input: Any, dtype: Any, free: int = 1) -> list[Any]:
    """Zeros of the shapes in `input`: a shape, or a list of shapes, or of (shape, dtype); a dim of None becomes `free`.

    A list inside of the list stands for a tuple of tensors, such as the state of an LSTM.
    """
    if isinstance(input, list):
        each = [(i, inputs_for(device, i, dtype, free)) for i in input]
        return [x for i, found in each for x in ([tuple(found)] if isinstance(i, list) else found)]
    if len(input) == 2 and isinstance(input[0], (tuple, list)):
        input, dtype = input
    if any(not (d is None or isinstance(d, int)) for d in input):
        raise ShapeError(f"[input] a shape is a tuple of ints, None for any size, not {input!r}")
    return [device.zeros(tuple(free if d is None else d for d in input), dtype)]


def _built(device: Device, spec: Module, dtype: Any) -> Module:
    new = object.__new__(type(spec))
    fields = new.__dict__
    params: dict[str, Param] = {}
    for name, value in spec.__dict__.items():
        if isinstance(value, Param):
            params[name] = value
            fields[name] = value.init(device, value.shape, dtype)
        elif isinstance(value, Module) and not name.startswith("_"):
            fields[name] = _built(device, value, dtype)
        elif name not in ("_params", "_device", "_dtype"):
            fields[name] = value
    fields["_params"], fields["_device"], fields["_dtype"] = params, device, dtype
    return new


_device.MODULE_BUILDER.append(build)
