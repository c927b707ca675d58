"""Tensors out and in: NumPy, DLPack, Python numbers."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from .cell import Empty, ViewCell, new_cell
from .checks import check_shape
from .dlpack import export, import_
from .door import refuse
from .dtypes import dtype_of_numpy
from .errors import ShapeError
from .tensor import Tensor, method, wrap
from .types import TensorType

__all__ = ["from_dlpack"]


def array(self: Tensor) -> np.ndarray[Any, Any]:
    """A NumPy copy of the values (bf16 as ml_dtypes.bfloat16); any tensor, whatever its tape."""
    refuse("t.array(), t.item() and their kin read values")
    held = self._cell.array
    if isinstance(held, Empty):
        return np.empty(self.shape, self.dtype.numpy)
    return self.device.backend.primitive("copy_out", dtype=self.dtype)(held)


def item(self: Tensor) -> Any:
    """The only element as a Python number."""
    if self.numel != 1:
        raise ShapeError(f"[item] {self.type_text} has {self.numel} elements, not one\n  hint: t.tolist() gives all")
    return array(self).reshape(()).astype(object).item() if self.dtype.name == "u64" else array(self).reshape(()).item()


def tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers."""
    a = array(self)
    return (a.astype(np.float32) if self.dtype.storage == "bf16" else a).tolist()


def as_vec(self: Tensor) -> list[Any]:
    """All values in row-major order as a list of Python numbers."""
    return tolist(self.detach().reshape((self.numel,)))


def _shared(self: Tensor) -> np.ndarray[Any, Any] | None:
    """The storage itself where it is a NumPy array, read-only."""
    refuse("np.asarray(t) reads values")
    held = self._cell.array
    if not isinstance(held, np.ndarray):
        return None
    view = held.view()
    view.flags.writeable = False
    return view


def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """For `np.asarray(t)`: shared memory, read-only, where the storage is NumPy's; else a copy."""
    shared = _shared(self)
    if copy is False and (shared is None or (dtype is not None and np.dtype(dtype) != shared.dtype)):
        raise ValueError(f"[array] {self.type_text} on {self.device.name} cannot be shared without a copy")
    if shared is None or copy:
        a = array(self)
    else:
        a = shared
    return a if dtype is None else a.astype(dtype, copy=False)


def __dlpack__(self: Tensor, **options: Any) -> Any:
    """DLPack capsule of the storage, read-only where the consumer can express it."""
    refuse("DLPack shares the array")
    held = self._cell.array
    if isinstance(held, Empty):
        held = array(self)
    if isinstance(held, np.ndarray):
        held = held.view()
        if options.get("max_version") is not None:
            held.flags.writeable = False  # consumers of DLPack 1.0 can express read-only
        return export(held, **options)
    if not hasattr(held, "__dlpack__"):
        return export(array(self), **options)
    return held.__dlpack__(**options)


def __dlpack_device__(self: Tensor) -> tuple[int, int]:
    """(device type, index) of the storage."""
    held = self._cell.array
    return held.__dlpack_device__() if hasattr(held, "__dlpack_device__") else (1, 0)


def __jax_array__(self: Tensor) -> Any:
    """For `jax.numpy.asarray(t)`: shared memory where JAX takes it (it wants 64-byte alignment), else JAX's copy."""
    from jax.dlpack import from_dlpack as jax_from_dlpack

    return jax_from_dlpack(self)


for _f in (array, as_vec, item, tolist, __array__, __dlpack__, __dlpack_device__, __jax_array__):
    method(_f)


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the CPU that shares the memory of an array of another library, which must not change it afterwards.

    * `source`: anything in host memory with `__dlpack__`, of any strides: NumPy, PyTorch, JAX, another tensor.

    In-place writers refuse memory that is read-only. Raises `TypeError` for what has no `__dlpack__`, `BufferError` for memory
    of another device, `DTypeError` and `ShapeError` for dtypes and ranks that tensors do not have.

    >>> import dfdx, numpy as np
    >>> dfdx.from_dlpack(np.ones((2, 3))).dtype
    f64
    """
    from .device import device

    if not hasattr(source, "__dlpack__"):
        raise TypeError(
            f"[from_dlpack] takes an array with __dlpack__, not {type(source).__name__}; dev.tensor(data) copies"
        )
    held = import_(source)
    dtype = dtype_of_numpy(held.dtype)
    shape = check_shape("from_dlpack", held.shape)
    cell: Any = new_cell(held if held.size else Empty(shape, dtype))
    if not held.flags.writeable:
        cell = ViewCell(cell, cast("Any", None), cell.array)  # writers refuse views; this one's source never changes
    return wrap(cell, TensorType(shape, dtype), device("cpu"))
