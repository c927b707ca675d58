"""Element types: classes, used as values (`dev.zeros((2,), dfdx.f32)`) and as types (`Tensor[Rank1[L[2]], f32]`)."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from .errors import DTypeError

__all__ = [
    "DType", "DTYPES", "FLOATS", "INTS", "amp_bf16", "amp_f16", "as_dtype", "bf16", "bool_", "dtype_of_numpy", "f16", "f32",
    "f64", "i16", "i32", "i64", "i8", "u16", "u32", "u64", "u8",
]  # fmt: skip

Kind = Literal["float", "int", "uint", "bool"]


class _DTypeMeta(type):
    """Makes `repr(f32)` read `f32`, and offers the storage's NumPy dtype as `f32.numpy`."""

    name: str
    storage: str
    kind: Kind
    bits: int

    def __repr__(cls) -> str:
        return cls.name

    @property
    def numpy(cls) -> np.dtype[Any]:
        """The NumPy dtype in which values are stored."""
        return _numpy(cls.storage)

    @property
    def compute(cls) -> type[DType]:
        """The dtype in which elementwise code computes: f32 for every narrow float."""
        return f32 if cls.is_float and cls.bits == 16 else cls  # type: ignore[return-value]

    @property
    def is_float(cls) -> bool:
        return cls.kind == "float"

    @property
    def is_int(cls) -> bool:
        return cls.kind in ("int", "uint")

    @property
    def itemsize(cls) -> int:
        """Bytes of one element."""
        return 1 if cls.kind == "bool" else cls.bits // 8

    @property
    def eps(cls) -> float:
        """Distance from 1 to the next larger value (0 for integers)."""
        return {"f16": 2.0**-10, "bf16": 2.0**-7, "f32": 2.0**-23, "f64": 2.0**-52}.get(cls.storage, 0.0)

    @property
    def is_amp(cls) -> bool:
        """Whether composites keep f32 intermediates and optimizers an f32 state."""
        return cls.name != cls.storage


class DType(metaclass=_DTypeMeta):
    """Base of all element types; never instantiated."""

    __module__ = "dfdx"

    def __new__(cls) -> DType:
        raise TypeError(f"{cls!r} is a dtype: pass it as it is, do not call it")


def _make(name: str, kind: Kind, bits: int, storage: str | None = None) -> Any:
    body = {"name": name, "storage": storage or name, "kind": kind, "bits": bits, "__module__": "dfdx"}
    return _DTypeMeta(name, (DType,), body)


f16 = _make("f16", "float", 16)
bf16 = _make("bf16", "float", 16)
f32 = _make("f32", "float", 32)
f64 = _make("f64", "float", 64)
i8 = _make("i8", "int", 8)
i16 = _make("i16", "int", 16)
i32 = _make("i32", "int", 32)
i64 = _make("i64", "int", 64)
u8 = _make("u8", "uint", 8)
u16 = _make("u16", "uint", 16)
u32 = _make("u32", "uint", 32)
u64 = _make("u64", "uint", 64)
bool_ = _make("bool", "bool", 1)
amp_f16 = _make("amp_f16", "float", 16, "f16")
amp_bf16 = _make("amp_bf16", "float", 16, "bf16")

DTYPES: dict[str, type[DType]] = {
    d.name: d for d in (f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool_, amp_f16, amp_bf16)
}
FLOATS = tuple(d for d in DTYPES.values() if d.is_float)
INTS = tuple(d for d in DTYPES.values() if d.is_int)
_NUMPY_NAMES = {"f": "float", "i": "int", "u": "uint"}


@cache
def _numpy(storage: str) -> np.dtype[Any]:
    if storage == "bf16":
        import ml_dtypes  # only when bf16 is used: it costs import time

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(storage) if storage == "bool" else np.dtype(_NUMPY_NAMES[storage[0]] + storage[1:])


def dtype_of_numpy(dtype: Any) -> type[DType]:
    """The dfdx dtype that stores a NumPy dtype; `DTypeError` if there is none."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return bool_
    name = "bf16" if dtype.name == "bfloat16" else f"{dtype.kind}{dtype.itemsize * 8}"
    if name not in DTYPES or dtype.kind not in "fiuV":
        raise DTypeError(f"NumPy dtype {dtype} has no dfdx dtype; there are {', '.join(DTYPES)}")
    return DTYPES[name]


def as_dtype(value: Any) -> type[DType]:
    """A dtype class from itself, its name, or a NumPy dtype; `bool` and `float` of Python mean `bool` and `f32`."""
    if isinstance(value, type) and issubclass(value, DType):
        return value
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    if value is bool:
        return bool_
    try:
        return dtype_of_numpy(value)
    except TypeError:
        raise DTypeError(f"{value!r} is no dtype; there are {', '.join(DTYPES)}") from None
