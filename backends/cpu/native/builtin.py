"""Machine code as a Python builtin: it reads the data pointers of its ndarray arguments itself, so a call costs 0.15 us.

The layout it relies on (PyArrayObject: data at byte 16, flags at byte 64) is probed against NumPy's own answer; where it
differs, `usable` says no and NumPy serves.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

__all__ = ["DATA", "FLAGS", "builtin", "compile_ir", "usable"]

DATA, FLAGS = 16, 64  # byte offsets in PyArrayObject_fields
METH_FASTCALL = 0x80
_keep: list[Any] = []  # engines and method tables live as long as the process


class _MethodDef(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


@cache
def usable() -> bool:
    """Whether builtins can be made here: CPython with the ordinary object layout, and llvmlite."""
    if (
        sys.implementation.name != "cpython"
        or sysconfig.get_config_var("Py_GIL_DISABLED")
        or hasattr(sys, "gettotalrefcount")
    ):
        return False
    a = np.zeros((2, 3), np.float32)
    for view, contiguous in ((a, 1), (a.T, 0), (a[:, 1:], 0)):
        base = id(view)
        if ctypes.c_void_p.from_address(base + DATA).value != view.ctypes.data:
            return False
        if ctypes.c_int.from_address(base + FLAGS).value & 1 != contiguous:
            return False
    try:
        _machine()
    except Exception:  # no llvmlite, or one for another LLVM
        return False
    return True


@cache
def _machine() -> Any:
    import llvmlite.binding as llvm

    try:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    except RuntimeError:  # newer releases do this themselves
        pass
    for name in ("PyFloat_AsDouble", "PyLong_AsLongLong", "PyErr_Occurred", "PyErr_Clear"):
        llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return llvm, target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True)


def compile_ir(text: str, name: str) -> int:
    """The address of function `name` of an IR module."""
    llvm, machine = _machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    engine.finalize_object()
    _keep.append(engine)
    return int(engine.get_function_address(name))


def builtin(name: str, address: int) -> Callable[..., Any]:
    """A builtin (METH_FASTCALL) whose code is at `address`."""
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    definition = _MethodDef(name.encode(), address, METH_FASTCALL, None)
    _keep.append(definition)
    return new(ctypes.addressof(definition), None, None)  # type: ignore[no-any-return]
