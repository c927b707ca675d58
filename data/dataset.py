"""Datasets: a length and `get(i)`; everything else follows lazily, in order, first to last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.public import ShapeError, Tensor
from ..core.public import stack as stack_tensors

__all__ = ["Dataset", "dataset"]


class Dataset:
    """Items by index. Subclasses write `__len__` and `get`.

    >>> from dfdx import data
    >>> data.dataset(range(5)).map(lambda i: i * i).batch_with_last(2)[:]
    [[0, 1], [4, 9], [16]]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no length")

    def get(self, i: int) -> Any:
        """Item i, 0 <= i < len(self)."""
        raise NotImplementedError(f"{type(self).__name__} has no get")

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self.get(k) for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"item {i} of a dataset of {len(self)}")
        return self.get(i % len(self))

    def __iter__(self) -> Iterator[Any]:
        return (self.get(i) for i in range(len(self)))

    def shuffled(self, seed: int) -> Dataset:
        """The same items in an order that depends on the seed alone."""
        order = np.random.Generator(np.random.Philox(seed)).permutation(len(self))
        return _View(self, len(self), lambda i: self.get(int(order[i])))

    def map(self, f: Callable[[Any], Any]) -> Dataset:
        """f of each item, when it is asked for."""
        return _View(self, len(self), lambda i: f(self.get(i)))

    def batch_exact(self, size: int) -> Dataset:
        """Lists of `size` items; a remainder is dropped."""
        return self._batched(size, len(self) // _positive(size))

    def batch_with_last(self, size: int) -> Dataset:
        """Lists of `size` items; the last may be shorter."""
        return self._batched(size, -(-len(self) // _positive(size)))

    def _batched(self, size: int, count: int) -> Dataset:
        return _View(self, count, lambda b: [self.get(i) for i in range(b * size, min((b + 1) * size, len(self)))])

    def collate(self) -> Dataset:
        """Lists of tuples become tuples of lists."""
        return self.map(lambda batch: tuple(list(column) for column in zip(*batch, strict=True)))

    def stack(self) -> Dataset:
        """Each list (or each of a tuple of lists) becomes one tensor, or one array, with a new leading axis."""
        return self.map(_stacked)

    def progress(self, description: str = "") -> Iterator[Any]:
        """Iterates with a progress bar on a terminal or in a notebook; silent in a pipe."""
        from ..utils.progress import progress

        return progress(self, description)

    def prefetch(self, depth: int = 2) -> Iterator[Any]:
        """Iterates with up to `depth` items made ahead by a thread; its exceptions are raised here."""
        from .prefetch import prefetch

        return prefetch(self, depth)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} items>"


class _View(Dataset):
    """Items computed from another dataset's."""

    def __init__(self, source: Dataset, length: int, get: Callable[[int], Any]) -> None:
        self._source, self._length, self._get = source, length, get

    def __len__(self) -> int:
        return self._length

    def get(self, i: int) -> Any:
        return self._get(i)


def _positive(size: int) -> int:
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"[batch] a batch has at least one item, not {size!r}")
    return size


def _stacked(batch: Any) -> Any:
    if isinstance(batch, tuple):
        return tuple(_stacked(b) for b in batch)
    if isinstance(batch[0], Tensor):
        return stack_tensors(batch)
    try:
        return np.stack([np.asarray(b) for b in batch])
    except ValueError as e:
        raise ShapeError(f"[stack] {e}") from None


class _FromSequence(Dataset):
    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def get(self, i: int) -> Any:
        return self._items[i]


class _Zipped(Dataset):
    def __init__(self, columns: tuple[Sequence[Any], ...]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def get(self, i: int) -> Any:
        return tuple(c[i] for c in self._columns)


def dataset(*columns: Sequence[Any]) -> Dataset:
    """A dataset over any sized sequence, or over several of one length, whose items are then tuples."""
    if not columns:
        raise TypeError("[dataset] needs at least one sequence")
    if len(columns) == 1:
        return columns[0] if isinstance(columns[0], Dataset) else _FromSequence(columns[0])
    if len({len(c) for c in columns}) > 1:
        raise ShapeError(f"[dataset] the columns have lengths {[len(c) for c in columns]}")
    return _Zipped(columns)
