"""The array of C-dialect backends: a buffer, an offset, a shape and strides; views share the buffer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

__all__ = ["Array", "Strides", "collapse", "dense_strides"]

Shape = tuple[int, ...]
Strides = tuple[int, ...]


def dense_strides(shape: Shape) -> Strides:
    """Row-major strides, in elements; 0 for dims of size 1, so that equal layouts have equal strides."""
    out, step = [0] * len(shape), 1
    for i in range(len(shape) - 1, -1, -1):
        if shape[i] > 1:
            out[i] = step
        step *= shape[i]
    return tuple(out)


class Array:
    """Elements of `dtype` in `buffer`, from `offset` on; offset and strides count elements. Never of size zero."""

    __slots__ = ("buffer", "dtype", "offset", "shape", "strides")

    def __init__(self, buffer: Any, offset: int, shape: Shape, strides: Strides, dtype: Any) -> None:
        self.buffer, self.offset, self.shape, self.strides, self.dtype = buffer, offset, shape, strides, dtype

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def dense(self) -> bool:
        """Whether it is row-major without gaps."""
        return self.strides == dense_strides(self.shape)

    def __repr__(self) -> str:
        return f"Array({self.dtype!r}{list(self.shape)}, offset={self.offset}, strides={self.strides})"

    def view(self, shape: Shape, strides: Strides, offset: int = 0) -> Array:
        """A view of the same buffer; strides of size-1 dims become 0."""
        tidy = tuple([s if n > 1 else 0 for s, n in zip(strides, shape, strict=True)])
        return Array(self.buffer, self.offset + offset, shape, tidy, self.dtype)

    def permute(self, axes: Sequence[int]) -> Array:
        return Array(self.buffer, self.offset, tuple([self.shape[i] for i in axes]), tuple([self.strides[i] for i in axes]), self.dtype)  # fmt: skip

    def broadcast(self, shape: Shape, axes: Sequence[int]) -> Array:
        """`axes` are the positions of the new dims in `shape`."""
        old = iter(self.strides)
        return Array(self.buffer, self.offset, shape, tuple([0 if i in axes else next(old) for i in range(len(shape))]), self.dtype)  # fmt: skip

    def slice(self, starts: Shape, stops: Shape, steps: Shape) -> Array:
        shape = tuple([max(0, -((a - b) // s)) for a, b, s in zip(starts, stops, steps, strict=True)])
        offset = sum([a * s for a, s in zip(starts, self.strides, strict=True)])
        return self.view(shape, tuple([s * t for s, t in zip(self.strides, steps, strict=True)]), offset)

    def reshape(self, shape: Shape) -> Array | None:
        """A view of that shape, or None where the storage does not allow it."""
        (old, (strides,)) = collapse(self.shape, (self.strides,))
        out: list[int] = []
        dims = iter(zip(old, strides, strict=True))
        left, step = next(dims)
        for n in shape:
            if n == 1:
                out.append(0)
                continue
            if left == 1:
                left, step = next(dims)
            if left % n:
                return None
            left //= n
            out.append(step * left)
        return Array(self.buffer, self.offset, shape, tuple(out), self.dtype)


def collapse(shape: Shape, strides: Sequence[Strides]) -> tuple[Shape, tuple[Strides, ...]]:
    """Dims of size 1 dropped, and neighbours merged that every array walks through as one; at least one dim is left.

    >>> collapse((2, 3, 4), ((12, 4, 1), (4, 0, 1)))
    ((2, 3, 4), ((12, 4, 1), (4, 0, 1)))
    >>> collapse((2, 3, 4), ((12, 4, 1), (0, 0, 1)))
    ((6, 4), ((4, 1), (0, 1)))
    """
    dims: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for i, n in enumerate(shape):
        if n == 1:
            continue
        if dims and all(done[-1] == s[i] * n for done, s in zip(steps, strides, strict=True)):
            dims[-1] *= n
            for done, s in zip(steps, strides, strict=True):
                done[-1] = s[i]
        else:
            dims.append(n)
            for done, s in zip(steps, strides, strict=True):
                done.append(s[i])
    if not dims:
        dims, steps = [1], [[0] for _ in strides]
    return tuple(dims), tuple([tuple(s) for s in steps])
