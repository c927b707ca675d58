"""Every kernel over any array library that speaks the array API standard: a base for third parties, a slow path for ours.

    space = Namespace(array_api_compat.torch, device="cpu")
    register_kernels(registry, space)   # kernels of the backend itself go first, whenever they are registered

Arrays are only read: a library whose arrays are immutable, or have no strides, works as well as any other.
Source: the array API standard, https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from typing import Any

from . import index, map, matmul, memory, random, reduce, view
from .namespace import Namespace

__all__ = ["Namespace", "register_kernels"]


def register_kernels(registry: Any, space: Namespace) -> None:
    """Register a kernel for each primitive, and `row`, over the arrays of `space`; kernels registered otherwise go first."""
    for family in (memory, view, map, reduce, matmul, index, random):
        family.register(registry, space)
