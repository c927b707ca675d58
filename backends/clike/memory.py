"""Making, copying, casting and joining arrays; views."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...core.contract import MapProgram, Signature, arg, cast, map_program, scalar, u8, u16, u32, u64
from .array import Array, Shape, dense_strides
from .engine import Engine
from .map import compile_map, map_launch

__all__ = ["Copier", "bits_dtype", "register"]

_BITS = {1: u8, 2: u16, 4: u32, 8: u64}


def bits_dtype(dtype: Any) -> Any:
    """The unsigned integer as wide as an element: what moves elements needs no other type."""
    return _BITS[dtype.itemsize]


@cache
def _copy_program(bits: Any) -> MapProgram:
    return map_program((arg(0),), (bits,), (bits,), 0)


@cache
def _fill_program(dtype: Any) -> MapProgram:
    return map_program((scalar(0),), (), (dtype,), 1)


class Copier:
    """Copies between layouts; one kernel per element size and pattern of strides."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._calls: dict[Any, Any] = {}

    def into(self, a: Array, out: Array) -> None:
        """Write the elements of a to a view of the same shape."""
        key = (a.shape, a.strides, out.strides, a.dtype.itemsize)
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) > 4096:
                self._calls.clear()
            launch = map_launch(
                _copy_program(bits_dtype(a.dtype)), a.shape, (a.strides, out.strides), self.engine.target, False
            )
            call = self._calls[key] = self.engine.prepare(launch)
        call((a, out), ())

    def copy(self, a: Array) -> Array:
        """A dense copy."""
        out = self.engine.empty(a.shape, a.dtype)
        self.into(a, out)
        return out

    def reshaped(self, a: Array, shape: Shape) -> Array:
        """The elements in another shape: a view where the layout allows it, else of a dense copy."""
        if a.shape == shape:
            return a
        view = a.reshape(shape)
        return view if view is not None else self.copy(a).view(shape, dense_strides(shape))

    def contiguous(self, a: Array) -> Array:
        """The array itself if it is dense, else a dense copy."""
        return a if a.dense else self.copy(a)


def register(registry: Any, engine: Engine) -> None:
    copier = engine.copier
    kernel = registry.kernel

    @kernel("empty")
    def empty(*, shape: Shape, dtype: Any) -> Array:
        return engine.empty(shape, dtype)

    @kernel("fill", specialize=True)
    def fill(sig: Signature, *, shape: Shape, dtype: Any) -> Any:
        return compile_map(engine, _fill_program(dtype), shape)

    @kernel("copy_in")
    def copy_in(host: Any, *, dtype: Any) -> Array:
        out = engine.empty(host.shape, dtype)
        engine.write(out, np.ascontiguousarray(host, dtype.numpy).reshape(host.shape))
        return out

    @kernel("copy_out")
    def copy_out(a: Array, *, dtype: Any) -> Any:
        host = np.empty(a.shape, dtype.numpy)
        engine.read(copier.contiguous(a), host)
        return host

    @kernel("synchronize")
    def synchronize() -> None:
        engine.synchronize()

    kernel("copy")(copier.copy)
    kernel("contiguous")(copier.contiguous)

    @kernel("cast", specialize=True)
    def cast_(sig: Signature, *, dtype: Any) -> Any:
        source = sig.inputs[0]
        program = map_program((cast(arg(0), dtype),), (source.dtype,), (dtype,), 0)
        return compile_map(engine, program, source.shape)

    _register_views(registry, engine, copier)
    _register_joins(registry, engine, copier)


def _register_views(registry: Any, engine: Engine, copier: Copier) -> None:
    kernel = registry.kernel

    @kernel("permute")
    def permute(a: Array, *, axes: tuple[int, ...]) -> Array:
        return a.permute(axes)

    @kernel("broadcast")
    def broadcast(a: Array, *, shape: Shape, axes: tuple[int, ...]) -> Array:
        return a.broadcast(shape, axes)

    @kernel("reshape")
    def reshape(a: Array, *, shape: Shape) -> Array:
        return copier.reshaped(a, shape)

    @kernel("slice")
    def slice_(a: Array, *, starts: Shape, stops: Shape, steps: Shape) -> Array:
        return a.slice(starts, stops, steps)


def _register_joins(registry: Any, engine: Engine, copier: Copier) -> None:
    @registry.kernel("concat", specialize=True)
    def concat(sig: Signature, *, axis: int) -> Any:
        out_type = sig.outputs[0]
        zeros, ones = (0,) * out_type.rank, (1,) * out_type.rank

        def run(*arrays: Array) -> Array:
            out = engine.empty(out_type.shape, out_type.dtype)
            at = 0
            for a in arrays:
                starts = (*zeros[:axis], at, *zeros[axis + 1 :])
                stops = tuple([i + n for i, n in zip(starts, a.shape, strict=True)])
                copier.into(a, out.slice(starts, stops, ones))
                at += a.shape[axis]
            return out

        return run

    @registry.kernel("unslice", specialize=True)
    def unslice(sig: Signature, *, shape: Shape, starts: Shape, steps: Shape) -> Any:
        """Zeros with the input at strided places."""
        g = sig.inputs[0]
        stops = tuple([a + (n - 1) * s + 1 for a, n, s in zip(starts, g.shape, steps, strict=True)])
        clear = compile_map(engine, _fill_program(g.dtype), shape)

        def run(a: Array) -> Array:
            out = clear(0)
            copier.into(a, out.slice(starts, stops, steps))
            return out

        return run
