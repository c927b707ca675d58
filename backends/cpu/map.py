"""Elementwise and row programs: machine code where it can be, NumPy where not."""

from __future__ import annotations

from typing import Any

from ...core.contract import compile_map, compile_row
from .native.maps import map_kernel
from .native.rows import row_kernel, row_over_kernel


def map_(sig: Any, *, program: Any, shape: tuple[int, ...], inplace: tuple[int | None, ...]) -> Any:
    return map_kernel(program, shape, inplace, compile_map(program, shape, inplace))


def row(sig: Any, *, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
    return row_kernel(program, outer, inner, compile_row(program, outer, inner))


def row_over(sig: Any, *, program: Any, axes: tuple[int, ...]) -> Any:
    full = next(t for t, kind in zip(sig.inputs, program.in_kinds, strict=True) if kind == "full")
    return row_over_kernel(program, full.shape, axes)


def register(registry: Any) -> None:
    registry.kernel("map", specialize=True)(map_)
    registry.kernel("row", specialize=True)(row)
    registry.kernel("row_over", specialize=True)(row_over)
