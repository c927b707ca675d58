"""Views; whether they share memory is the library's business."""

from __future__ import annotations

from typing import Any

from .namespace import Namespace


def _permute(space: Namespace, *, axes: tuple[int, ...]) -> Any:
    return lambda a: space.xp.permute_dims(a, axes)


def _broadcast(space: Namespace, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    with_ones = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return lambda a: space.xp.broadcast_to(space.xp.reshape(a, with_ones), shape)


def _reshape(space: Namespace, *, shape: tuple[int, ...]) -> Any:
    return lambda a: space.xp.reshape(a, shape)


def _slice(space: Namespace, *, starts: tuple[int, ...], stops: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    key = tuple(slice(*b) for b in zip(starts, stops, steps, strict=True))
    return lambda a: a[key]


def _concat(space: Namespace, *, axis: int) -> Any:
    return lambda *arrays: space.xp.concat(arrays, axis=axis)


def register(registry: Any, space: Namespace) -> None:
    def add(name: str, make: Any) -> None:
        def specialized(sig: Any, **attrs: Any) -> Any:
            return space.guard(space.compile(make(space, **attrs)))

        registry.kernel(name, specialize=True, base=True)(space.guard(specialized))

    for name, make in (
        ("permute", _permute), ("broadcast", _broadcast), ("reshape", _reshape), ("slice", _slice), ("concat", _concat),
    ):  # fmt: skip
        add(name, make)
