"""How dtypes are spelt in the C dialect, and how values are written in it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["literal", "packer", "register_type", "storage_type"]


def register_type(dtype: Any) -> str:
    """The C type in which a value is computed: f32 for narrow floats, b1 for a condition."""
    return "b1" if dtype.kind == "bool" else str(dtype.compute.storage)


def storage_type(dtype: Any) -> str:
    """The C type of an array's elements."""
    if dtype.kind == "bool":
        return "u8"
    return "u16" if dtype.is_float and dtype.bits == 16 else str(dtype.storage)


def literal(value: Any, dtype: Any) -> str:
    """A constant of a register type, exact to the last bit."""
    kind = register_type(dtype)
    if kind == "b1":
        return "1" if value else "0"
    if not dtype.is_float:
        value = int(value)
        if value == -(2**63):
            return "(-9223372036854775807 - 1)"
        return f"({kind}){value}" + ("u" if value > 2**63 - 1 else "")
    value = float(value)
    if value != value:
        return f"M_NAN_{kind}"
    if kind == "f32":
        value = float(np.float32(value)) if abs(value) < 3.4028235677973366e38 else np.copysign(np.inf, value)
    if value in (float("inf"), float("-inf")):
        return f"M_INF_{kind}" if value > 0 else f"(-M_INF_{kind})"
    return f"({value.hex()}{'f' if kind == 'f32' else ''})"


_FORMATS = {"b1": "i", "f32": "f", "f64": "d", "i8": "b", "i16": "h", "i32": "i", "i64": "q",
            "u8": "B", "u16": "H", "u32": "I", "u64": "Q"}  # fmt: skip


def packer(dtype: Any) -> Callable[[Any], bytes]:
    """A function from a Python number to the bytes of a kernel argument of this dtype; out-of-range values convert as in NumPy."""
    pack = struct.Struct(_FORMATS[register_type(dtype)]).pack
    target = np.dtype(np.int32) if dtype.kind == "bool" else dtype.compute.numpy

    def convert(value: Any) -> bytes:
        try:
            return pack(value)
        except (struct.error, OverflowError):
            if dtype.is_float:
                with np.errstate(over="ignore"):
                    return np.asarray(value, target).tobytes()
            return (int(value) & (2 ** (8 * target.itemsize) - 1)).to_bytes(target.itemsize, "little")

    return convert
