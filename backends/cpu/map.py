"""Elementwise and row programs: machine code where it can be, NumPy where not."""

from __future__ import annotations

from typing import Any

from ...core.contract import compile_map, compile_row
from .native.maps import map_kernel
from .native.rows import row_kernel


def map_(sig: Any, *, program: Any, shape: tuple[int, ...], inplace: tuple[int | None, ...]) -> Any:
    return map_kernel(program, shape, inplace, compile_map(program, shape, inplace))


def row(sig: Any, *, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
    return row_kernel(program, outer, inner, compile_row(program, outer, inner))


def register(registry: Any) -> None:
    registry.kernel("map", specialize=True)(map_)
    registry.kernel("row", specialize=True)(row)
