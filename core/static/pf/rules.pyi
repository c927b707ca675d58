"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
import shape_extensions.dsl as dsl
from shape_extensions import IntTuple, type_shape_dsl_function

@type_shape_dsl_function
def reduce_shape(shape: IntTuple, axis: int | tuple[int, ...] | None) -> IntTuple:
    if axis is None:
        axes = range(len(shape))
    elif dsl.is_int_value(axis):
        axes = (axis,)
    else:
        axes = axis
    if any(item < 0 - len(shape) or item >= len(shape) for item in axes):
        return dsl.Invalid("the axis is out of range")
    normalized = tuple(item + len(shape) if item < 0 else item for item in axes)
    return dsl.IntTuple((shape[index] for index in range(len(shape)) if index not in normalized))

@type_shape_dsl_function
def reduce_to_shape(shape: IntTuple, to: IntTuple) -> IntTuple:
    if len(to) > len(shape):
        return dsl.Invalid("the target has more dims")
    if any(not any(item == other for other in shape) for item in to):
        return dsl.Invalid("the target holds a dim that is not there")
    return to

@type_shape_dsl_function
def axis_shape(shape: IntTuple, axis: int | tuple[int, ...] | None) -> IntTuple:
    if axis is None:
        axes = range(len(shape))
    elif dsl.is_int_value(axis):
        axes = (axis,)
    else:
        axes = axis
    if any(item < 0 - len(shape) or item >= len(shape) for item in axes):
        return dsl.Invalid("the axis is out of range")
    return shape

@type_shape_dsl_function
def permute_shape(shape: IntTuple, axes: int | tuple[int, ...] | None) -> IntTuple:
    if axes is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(axes):
        return dsl.Invalid("permute takes a tuple of axes")
    if len(axes) != len(shape):
        return dsl.Invalid("permute names every axis once")
    if any(item < 0 - len(shape) or item >= len(shape) for item in axes):
        return dsl.Invalid("the axis is out of range")
    if any(axes.count(item) > 1 for item in axes):
        return dsl.Invalid("an axis is repeated")
    normalized = tuple(item + len(shape) if item < 0 else item for item in axes)
    return dsl.IntTuple(shape[index] for index in normalized)

@type_shape_dsl_function
def reshape_shape(shape: IntTuple, new: IntTuple) -> IntTuple:
    total = dsl.prod(shape)
    known = dsl.prod(new)
    if any(item == 0 - 1 for item in new):
        return dsl.IntTuple(0 - total // known if item == 0 - 1 else item for item in new)
    if dsl.is_concrete_int(total) and dsl.is_concrete_int(known) and total != known:
        return dsl.Invalid("the number of elements differs")
    return new

@type_shape_dsl_function
def realize_shape(shape: IntTuple, new: IntTuple) -> IntTuple:
    if len(shape) != len(new):
        return dsl.Invalid("the rank differs")
    return new

@type_shape_dsl_function
def broadcast_shape(shape: IntTuple, new: IntTuple, axis: int | tuple[int, ...] | None) -> IntTuple:
    if len(new) < len(shape):
        return dsl.Invalid("the target has fewer dims")
    if axis is None:
        if any(not any(item == other for other in new) for item in shape):
            return dsl.Invalid("a dim of the tensor is not in the target")
        return new
    if dsl.is_int_value(axis):
        axes = (axis,)
    else:
        axes = axis
    if any(item < 0 - len(new) or item >= len(new) for item in axes):
        return dsl.Invalid("the axis is out of range")
    normalized = tuple(item + len(new) if item < 0 else item for item in axes)
    kept = dsl.IntTuple((new[index] for index in range(len(new)) if index not in normalized))
    if len(kept) != len(shape):
        return dsl.Invalid("the target has another number of dims than the tensor and the new axes together")
    if any(kept[index] != shape[index] for index in range(len(shape))):
        return dsl.Invalid("the target does not hold the tensor's dims in order")
    return new
