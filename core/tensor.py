"""The tensor: a value with a shape, a dtype, a device, and perhaps a tape. `tracing` and `core/ops` attach the rest."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .door import refuse
from .types import TensorType

if TYPE_CHECKING:
    from .cell import Cell, ViewCell
    from .device import Device
    from .dtypes import DType
    from .registry import OpSpec
    from .tape import Tape

__all__ = ["Tensor", "method", "next_id", "next_serial"]

# ids of values that no op on a tape made are even; a recorded result's id is the serial of its entry, and odd
next_id, next_serial = count(2, 2).__next__, count(1, 2).__next__
_new = object.__new__


class Tensor:
    """An n-dimensional array on one device, rank 0 to 6, whose value other tensors never change.

    Made by a device (`dev.zeros((2, 3))`, `dev.tensor([[1.0, 2.0]])`) and by ops; never by calling the class.

    >>> import dfdx
    >>> dfdx.device("cpu").tensor([1.0, 2.0]) + 1.0
    tensor([2., 3.], f32[2] on cpu)
    """

    __slots__ = ("__weakref__", "_cell", "_serial", "_taker", "_tape", "_type", "_view", "device", "id")
    __module__ = "dfdx"
    __hash__ = object.__hash__
    __array_ufunc__ = None  # NumPy leaves operators to us: np.float32(2) * t is a tensor, an array beside t an error

    device: Device
    id: int
    _type: TensorType
    _cell: Cell | ViewCell
    _tape: Tape | None
    _serial: int | None  # None: never recorded; 0: a traced leaf; else the entry that made it
    _view: tuple[Tensor, Any] | None  # (source, plan) of an untraced view
    _taker: OpSpec | str  # who took the tape

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError("a Tensor is made by a device: dev.tensor(data), dev.zeros(shape), ...")

    if TYPE_CHECKING:  # what core/ops attaches
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __neg__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __eq__: Any
        __ne__: Any
        __and__: Any
        __or__: Any
        __invert__: Any
        __getitem__: Any
        __iter__: Any
        _alias: Any

        def __getattr__(self, name: str) -> Any: ...

    def __class_getitem__(cls, _: Any) -> type[Tensor]:
        return cls  # Tensor[Rank2[L[2], L[3]], f32] is for type checkers and costs nothing

    @property
    def shape(self) -> tuple[int, ...]:
        """The dims."""
        return self._type.shape

    @property
    def dtype(self) -> type[DType]:
        """The element type."""
        return self._type.dtype

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self._type.shape)

    @property
    def ndim(self) -> int:
        """Number of axes, under NumPy's name."""
        return len(self.shape)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return self._type.numel

    @property
    def size(self) -> int:
        """Number of elements, under NumPy's name."""
        return self._type.numel

    @property
    def storage(self) -> Any:
        """The backend's own array object, read-only by convention."""
        refuse("t.storage shows the array")
        return self._cell.array

    @property
    def type_text(self) -> str:
        """`f32[2, 3]`."""
        return repr(self._type)

    @property
    def owns_tape(self) -> bool:
        """Whether this value owns a tape."""
        return self._tape is not None

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a rank-0 tensor")
        return self.shape[0]

    def __bool__(self) -> bool:
        if self.shape:
            raise TypeError(f"the truth of {self.type_text} is ambiguous; use t.any() or t.all(), then bool()")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.shape or not self.dtype.is_int:
            raise TypeError(f"only an integer tensor of rank 0 is an index, not {self.type_text}")
        return int(self.item())

    def __setitem__(self, *_: Any) -> None:
        raise TypeError("tensors are values: item assignment is not possible; use dfdx.where, concat or scatter_add")

    def __reduce__(self) -> Any:
        raise TypeError("a Tensor is not pickled; use .array(), or save a model with model.save(path)")

    def __deepcopy__(self, _: Any) -> Tensor:
        return self.clone()

    def __copy__(self) -> Tensor:
        return self.clone()

    # ----- the value without its tape

    def clone(self) -> Tensor:
        """A copy with its own storage and a new id, without a tape."""
        from .cell import new_cell

        return wrap(new_cell(self.device.copy_cell(self._cell, self._type)), self._type, self.device)

    def detach(self) -> Tensor:
        """The same value, untraced, under a new id: a constant for gradients."""
        return wrap(self._cell, self._type, self.device)


def wrap(cell: Any, type_: TensorType, device: Device) -> Tensor:
    """A new untraced handle on a cell."""
    out = _new(Tensor)
    out._cell, out._type, out.device = cell, type_, device
    out.id = next_id()
    out._tape = out._serial = out._view = None
    return out


def method(function: Any, *names: str) -> Any:
    """Attach an op's function as methods of `Tensor`."""
    for name in names or (function.__name__,):
        setattr(Tensor, name, function)
    return function


def is_scalar(value: Any) -> bool:
    """Whether a value takes the dtype of the tensor it meets."""
    return isinstance(value, (bool, int, float, np.generic))
