"""Elementwise and row programs: NumPy at once, machine code when a kernel is called again and again."""

from __future__ import annotations

from typing import Any

from ...core.contract import compile_map, compile_row
from .native.promote import promote


def map_(sig: Any, *, program: Any, shape: tuple[int, ...], inplace: tuple[int | None, ...]) -> Any:
    return promote(compile_map(program, shape, inplace), program, shape, inplace)


def row(sig: Any, *, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
    return compile_row(program, outer, inner)


def register(registry: Any) -> None:
    registry.kernel("map", specialize=True)(map_)
    registry.kernel("row", specialize=True)(row)
