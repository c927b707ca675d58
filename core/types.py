"""What is known of an array before it exists: its shape and dtype; and of an op call: those of all operands."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from .dtypes import DType

__all__ = ["MAX_RANK", "Signature", "TensorType", "type_text"]

MAX_RANK = 6


class TensorType(NamedTuple):
    """Shape and dtype of one array."""

    shape: tuple[int, ...]
    dtype: type[DType]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        return type_text(self.shape, self.dtype)


class Signature(NamedTuple):
    """Types of the array inputs and of the outputs of one kernel."""

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


def type_text(shape: tuple[int, ...], dtype: type[DType]) -> str:
    """`f32[2, 3]`, as errors and reprs show it."""
    return f"{dtype.name}[{', '.join(map(str, shape))}]"
