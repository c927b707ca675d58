"""Elementwise and row programs: machine code where it can be, NumPy where not."""

from __future__ import annotations

from typing import Any

from ...core.contract import compile_map, compile_row, row_gradient
from .native.maps import map_kernel
from .native.rows import row_kernel, row_over_kernel, row_sums_kernel


def map_(sig: Any, *, program: Any, shape: tuple[int, ...], inplace: tuple[int | None, ...]) -> Any:
    return map_kernel(program, shape, inplace, compile_map(program, shape, inplace))


def row(sig: Any, *, program: Any, outer: tuple[int, ...], inner: tuple[int, ...]) -> Any:
    return row_kernel(program, outer, inner, compile_row(program, outer, inner))


def row_over(sig: Any, *, program: Any, axes: tuple[int, ...]) -> Any:
    full = next(t for t, kind in zip(sig.inputs, program.in_kinds, strict=True) if kind == "full")
    return row_over_kernel(program, full.shape, axes)


def _row_backward(name: str) -> Any:
    """The gradients of a row op in one pass over its arrays, those of per-column arguments summed over the rows on the way."""

    def make(sig: Any, *, axes: tuple[int, ...], needs: tuple[bool, ...] = ()) -> Any:
        if not needs:
            return NotImplemented  # core's own op of that name, whose results are all full
        shape = sig.inputs[0].shape
        program = row_gradient(name, needs, sig)
        if axes != tuple(range(len(shape) - len(axes), len(shape))) or "col" not in program.out_kinds:
            return NotImplemented
        cut = len(shape) - len(axes)
        return row_sums_kernel(program, shape[:cut], shape[cut:])

    return make


def register(registry: Any) -> None:
    registry.kernel("map", specialize=True)(map_)
    registry.kernel("row", specialize=True)(row)
    registry.kernel("row_over", specialize=True)(row_over)
    for name in ("layer_norm", "rms_norm"):
        registry.kernel(f"{name}.backward", specialize=True)(_row_backward(name))
