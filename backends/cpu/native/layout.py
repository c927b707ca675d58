"""What machine code relies on in CPython and NumPy: offsets and C API entries, each probed against NumPy's own answer.

Where one differs (free-threaded and debug builds, other interpreters, no llvmlite), `usable` says no and NumPy serves.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import sysconfig
from functools import cache
from typing import Any

import numpy as np

__all__ = ["BASE", "DATA", "DESCR", "DIMS", "FLAGS", "HANDLER", "ITEMS", "NDIM", "STRIDES", "numpy_api", "usable"]

# byte offsets in PyArrayObject_fields
DATA, NDIM, DIMS, STRIDES, BASE, DESCR, FLAGS, HANDLER = 16, 24, 32, 40, 48, 56, 64, 88
ITEMS = 32 if sys.version_info >= (3, 14) else 24  # of a tuple: a field for its hash is new
# entries of NumPy's C API table, fixed since 1.22
_ARRAY_TYPE, _NEW_FROM_DESCR, _GET_HANDLER = 2, 94, 305


@cache
def numpy_api() -> dict[str, int]:
    """Addresses of the entries that kernels call."""
    from numpy._core._multiarray_umath import _ARRAY_API  # type: ignore[attr-defined]

    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    table = (ctypes.c_void_p * (_GET_HANDLER + 1)).from_address(get(_ARRAY_API, None))
    entries = {"type": _ARRAY_TYPE, "new": _NEW_FROM_DESCR, "handler": _GET_HANDLER}
    return {name: table[i] or 0 for name, i in entries.items()}


@cache
def usable() -> bool:
    """Whether kernels can be machine code here; `DFDX_NATIVE=0` says no."""
    ordinary = (
        sys.implementation.name == "cpython"
        and os.name == "posix"
        and struct.calcsize("P") == 8
        and sys.byteorder == "little"
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
        and not hasattr(sys, "gettotalrefcount")
        and os.environ.get("DFDX_NATIVE", "1") != "0"
    )
    if not ordinary:
        return False
    try:
        from .compiler import machine

        machine()
        return _arrays_agree()
    except Exception:  # no llvmlite or one that fails here, another NumPy: every reason means the same
        return False


def _arrays_agree() -> bool:
    a = np.zeros((2, 3), np.float32)
    for x in (a, a.T, a[:, 1:], np.broadcast_to(a, (4, 2, 3))):
        at = id(x)
        shape = (ctypes.c_int64 * x.ndim).from_address(_word(at + DIMS))
        strides = (ctypes.c_int64 * x.ndim).from_address(_word(at + STRIDES))
        flags = ctypes.c_int.from_address(at + FLAGS).value
        if (
            _word(at + DATA) != x.ctypes.data
            or ctypes.c_int.from_address(at + NDIM).value != x.ndim
            or tuple(shape) != x.shape
            or tuple(strides) != x.strides
            or _word(at + DESCR) != id(x.dtype)
            or bool(flags & 1) != x.flags.c_contiguous
            or bool(flags & 4) != x.flags.owndata
            or bool(flags & 0x400) != x.flags.writeable
            or (_word(at + BASE) or None) != (None if x.base is None else id(x.base))
        ):
            return False
    api = numpy_api()
    handler: Any = ctypes.PYFUNCTYPE(ctypes.py_object)(api["handler"])()
    pair = (a, handler)
    items = [_word(id(pair) + ITEMS + 8 * i) for i in range(2)]
    return (
        api["type"] == id(np.ndarray) and _word(id(a) + HANDLER) == id(handler) and items == [id(x) for x in pair]
        and _word(id(pair) + 8) == id(tuple) and _word(id(pair) + 16) == 2
    )  # fmt: skip


def _word(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0
