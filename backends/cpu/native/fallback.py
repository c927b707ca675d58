"""What a kernel does with arrays that its machine code does not take: tidy copies first, NumPy for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["Fallback", "copier", "row_major_copy"]

MOST = 64  # patterns of strides of one kernel
LARGE = 1 << 20  # bytes that are worth waking the threads


class Fallback:
    """Called by a kernel whose arguments did not pass its checks.

    Views are read as they lie where `strided(strides of the inputs)` makes a kernel for them; else they are copied row-major.
    Both go through the same machine code, so that layout never changes a bit of a result. What is left (NumPy scalars, other
    byte orders) is computed by `numpy_kernel`.
    """

    def __init__(self, numpy_kernel: Callable[..., Any], inplace: Sequence[int | None] = ()) -> None:
        self.numpy_kernel, self.inplace = numpy_kernel, inplace
        self.native: Callable[..., Any] | None = None
        self.plain = False  # whether copies are NumPy's own
        self.strided: Callable[[tuple[Any, ...]], Callable[..., Any] | None] | None = None
        self._views: dict[tuple[Any, ...], Callable[..., Any] | None] = {}

    def __call__(self, *args: Any) -> Any:
        if self.strided is not None:
            key = tuple([a.strides if type(a) is np.ndarray else None for a in args])
            if key not in self._views and len(self._views) < MOST:
                self._views[key] = self.strided(key)
            kernel = self._views.get(key)
            if kernel is not None:
                return kernel(*args)
        return self.by_copies(*args)

    def by_copies(self, *args: Any) -> Any:
        """Through tidy copies, or NumPy."""
        copy = np.ndarray.copy if self.plain else row_major_copy
        tidy = [copy(a) if type(a) is np.ndarray and not _ordinary(a) else a for a in args]
        if self.native is None or all(t is a for t, a in zip(tidy, args, strict=True)):
            return self.numpy_kernel(*args)
        out = self.native(*tidy)
        outs = list(out) if isinstance(out, tuple) else [out]
        for k, j in enumerate(self.inplace):
            if j is not None and tidy[j] is not args[j]:
                args[j][...] = tidy[j]
                outs[k] = args[j]
        return tuple(outs) if isinstance(out, tuple) else outs[0]


def _ordinary(a: np.ndarray[Any, Any]) -> bool:
    return a.flags.c_contiguous and a.flags.aligned


def row_major_copy(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A row-major copy: a large one by all threads."""
    if a.nbytes < LARGE or a.dtype.name not in ("float32", "float64"):
        return a.copy()
    from .turned import turned_copy

    turn = turned_copy(a.shape, a.strides, a.dtype.name)
    if turn is not None:
        return turn(a)  # type: ignore[no-any-return]
    return copier(a.shape, a.dtype.name)(a)  # type: ignore[no-any-return]


@lru_cache(256)
def copier(shape: tuple[int, ...], name: str) -> Callable[..., Any]:
    """A kernel that copies arrays of that shape, of float32 or float64."""
    from ....core.contract import expr, f32, f64, map_program
    from .maps import map_kernel

    dtype = f32 if name == "float32" else f64
    identity = map_program((expr.arg(0),), (dtype,), (dtype,))
    return map_kernel(identity, shape, (), np.ndarray.copy, plain=True)
