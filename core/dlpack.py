"""DLPack for bf16, which NumPy cannot name: the same memory goes out and comes in as u16, its type code rewritten in the capsule.

Layout of the structures: https://dmlc.github.io/dlpack/latest/c_api.html
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .dtypes import bf16

__all__ = ["export", "import_"]

_UINT, _BFLOAT = 1, 4
_CPU = (1, 3)  # kDLCPU, and kDLCUDAHost: pinned memory
# where DLTensor.dtype.code lies: a managed tensor begins with the DLTensor, a versioned one with 32 bytes of its own
_CODE = {b"dltensor": 20, b"dltensor_versioned": 52}


def _code(capsule: Any) -> Any:
    """The type code in a capsule that nobody has consumed yet, writable."""
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = name_of(capsule)
    return ctypes.c_uint8.from_address(pointer_of(capsule, name) + _CODE[name])


class _Once:
    """A producer that hands on one capsule."""

    def __init__(self, capsule: Any, device: tuple[int, int]) -> None:
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def export(held: np.ndarray[Any, Any], **options: Any) -> Any:
    """The capsule of a NumPy array, of bf16 as well."""
    if held.dtype != bf16.numpy:
        return held.__dlpack__(**options)
    capsule = held.view(np.uint16).__dlpack__(**options)
    _code(capsule).value = _BFLOAT
    return capsule


def import_(source: Any) -> np.ndarray[Any, Any]:
    """A NumPy array that shares the memory of another library's array; `BufferError` for memory that is not the host's."""
    if source.__dlpack_device__()[0] not in _CPU:
        raise BufferError(f"[from_dlpack] {type(source).__name__} is not in host memory: copy it there first")
    if isinstance(source, np.ndarray) and source.dtype == bf16.numpy:
        return source.view()
    try:
        return np.from_dlpack(source)
    except RuntimeError:  # NumPy: unsupported dtype
        capsule = source.__dlpack__()
        code = _code(capsule)
        if code.value != _BFLOAT:
            raise
        code.value = _UINT
    return np.from_dlpack(_Once(capsule, source.__dlpack_device__())).view(bf16.numpy)
