"""What is known of an array before it exists: its shape and dtype; and of an op call: those of all operands."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from .dtypes import DType

__all__ = ["MAX_RANK", "Signature", "TensorType", "type_text"]

MAX_RANK = 6


class TensorType:
    """Shape and dtype of one array; interned, so that equal types are the same object and hash by identity."""

    __slots__ = ("dtype", "numel", "shape")

    shape: tuple[int, ...]
    dtype: type[DType]
    numel: int

    def __new__(cls, shape: tuple[int, ...], dtype: type[DType]) -> TensorType:
        found = _interned.get((shape, dtype))
        if found is None:
            found = object.__new__(cls)
            found.shape, found.dtype, found.numel = shape, dtype, prod(shape)
            found = _interned.setdefault((shape, dtype), found)
        return found

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __reduce__(self) -> Any:
        return TensorType, (self.shape, self.dtype)

    def __repr__(self) -> str:
        return type_text(self.shape, self.dtype)


_interned: dict[tuple[tuple[int, ...], type[DType]], TensorType] = {}


class Signature(NamedTuple):
    """Types of the array inputs and of the outputs of one kernel."""

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


def type_text(shape: tuple[int, ...], dtype: type[DType]) -> str:
    """`f32[2, 3]`, as errors and reprs show it."""
    return f"{dtype.name}[{', '.join(map(str, shape))}]"
