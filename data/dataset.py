"""Datasets: a length and `get(i)`; everything else follows lazily, in order, first to last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np

from ..core.public import ShapeError
from .batch import collated, stacked

__all__ = ["Dataset", "dataset"]

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Indexed(Protocol[T_co]):
    """What a dataset is made of: a list, a range, an array, a tensor, a dataset, anything with a length and items."""

    def __len__(self) -> int: ...
    def __getitem__(self, i: int, /) -> T_co: ...


class Dataset(Generic[T_co]):
    """Items by index. Subclasses write `__len__` and `get`; the methods give new datasets, and nothing runs before it is read.

    A loop over a dataset goes from the first item to the last. Every method but `shuffled` keeps what is before it
    running as it was, so `ds.map(f).prefetch(4).progress()` prefetches, too.

    >>> from dfdx import data
    >>> data.dataset(range(5)).map(lambda i: i * i).batch_with_last(2)[:]
    [[0, 1], [4, 9], [16]]
    >>> pairs = data.dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [7, 8, 9])
    >>> loader = pairs.shuffled(seed=0).batch_exact(2).collate().stack()
    >>> len(loader), [(x.shape, y.shape) for x, y in loader]
    (1, [((2, 2), (2,))])
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no length")

    def get(self, i: int) -> T_co:
        """Item i, 0 <= i < len(self)."""
        raise NotImplementedError(f"{type(self).__name__} has no get")

    @overload
    def __getitem__(self, i: int) -> T_co: ...
    @overload
    def __getitem__(self, i: slice) -> list[T_co]: ...
    def __getitem__(self, i: int | slice) -> T_co | list[T_co]:
        if isinstance(i, slice):
            return [self.get(k) for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"item {i} of a dataset of {len(self)}")
        return self.get(i % len(self))

    def __iter__(self) -> Iterator[T_co]:
        return (self.get(i) for i in range(len(self)))

    def shuffled(self, seed: int) -> Dataset[T_co]:
        """The same items in an order that depends on the seed alone; another seed for each epoch gives another order."""
        return _Shuffled(self, seed)

    def map(self, f: Callable[[T_co], U]) -> Dataset[U]:
        """f of each item, when it is asked for."""
        return _Mapped(self, f)

    def batch_exact(self, size: int) -> Dataset[list[T_co]]:
        """Lists of `size` items; a remainder is dropped, so there are len // size."""
        return _Batched(self, size, len(self) // _positive(size))

    def batch_with_last(self, size: int) -> Dataset[list[T_co]]:
        """Lists of `size` items; the last may be shorter, so there are ceil(len / size)."""
        return _Batched(self, size, -(-len(self) // _positive(size)))

    def collate(self) -> Dataset[tuple[list[Any], ...]]:
        """Batches of tuples become tuples of lists. Raises `TypeError` for items that are not tuples of one length."""
        return self.map(collated)

    def stack(self) -> Dataset[Any]:
        """Each batch, or each list of a tuple, becomes one tensor (of tensors) or one array with a new leading axis.

        Arrays keep their dtype; Python numbers become what `dev.tensor` makes of them: f32, i64, bool.
        Raises `ShapeError` where the shapes differ, `DTypeError` for items that are no numbers.
        """
        return self.map(stacked)

    def progress(self, description: str = "") -> Dataset[T_co]:
        """The same items; a loop over them draws a progress bar on a terminal or in a notebook, and nothing in a pipe."""
        return _Progress(self, description)

    def prefetch(self, depth: int = 2) -> Dataset[T_co]:
        """The same items; a loop over them has up to `depth` made ahead by a thread, whose exceptions are raised in the loop."""
        return _Prefetched(self, _positive(depth, "prefetch"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lstrip('_')} of {len(self)} items>"


class _View(Dataset[T]):
    """The items of another dataset, changed by subclasses."""

    def __init__(self, source: Dataset[Any]) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def get(self, i: int) -> T:
        return self._source.get(i)  # type: ignore[no-any-return]


class _Shuffled(_View[T]):
    def __init__(self, source: Dataset[T], seed: int) -> None:
        super().__init__(source)
        self._order = np.random.Generator(np.random.Philox(seed)).permutation(len(source)).tolist()

    def get(self, i: int) -> T:
        return self._source.get(self._order[i])  # type: ignore[no-any-return]


class _Mapped(_View[T]):
    def __init__(self, source: Dataset[Any], f: Callable[[Any], T]) -> None:
        super().__init__(source)
        self._f = f

    def get(self, i: int) -> T:
        return self._f(self._source.get(i))

    def __iter__(self) -> Iterator[T]:
        return map(self._f, self._source)


class _Batched(_View[list[T]]):
    def __init__(self, source: Dataset[T], size: int, count: int) -> None:
        super().__init__(source)
        self._size, self._count = size, count

    def __len__(self) -> int:
        return self._count

    def get(self, i: int) -> list[T]:
        start = i * self._size
        return [self._source.get(k) for k in range(start, min(start + self._size, len(self._source)))]

    def __iter__(self) -> Iterator[list[T]]:
        items = iter(self._source)
        return (list(islice(items, self._size)) for _ in range(self._count))


class _Progress(_View[T]):
    def __init__(self, source: Dataset[T], description: str) -> None:
        super().__init__(source)
        self._description = description

    def __iter__(self) -> Iterator[T]:
        from ..utils.progress import progress

        return progress(self._source, self._description)


class _Prefetched(_View[T]):
    def __init__(self, source: Dataset[T], depth: int) -> None:
        super().__init__(source)
        self._depth = depth

    def __iter__(self) -> Iterator[T]:
        from .prefetch import prefetch

        return prefetch(self._source, self._depth)


def _positive(size: int, op: str = "batch") -> int:
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"[{op}] the size is an int of at least 1, not {size!r}")
    return size


class _Items(Dataset[T]):
    def __init__(self, items: Indexed[T]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def get(self, i: int) -> T:
        return self._items[i]


class _Zipped(Dataset[tuple[Any, ...]]):
    def __init__(self, columns: tuple[Indexed[Any], ...]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def get(self, i: int) -> tuple[Any, ...]:
        return tuple(c[i] for c in self._columns)


@overload
def dataset(items: Indexed[T], /) -> Dataset[T]: ...
@overload
def dataset(*columns: Indexed[Any]) -> Dataset[tuple[Any, ...]]: ...
def dataset(*columns: Indexed[Any]) -> Dataset[Any]:
    """A dataset over any sized sequence or array, or over several of one length, whose items are then tuples.

    Raises `TypeError` for what has no length or no items by index, `ShapeError` for columns of several lengths.

    >>> from dfdx import data
    >>> data.dataset("abc", [1, 2, 3])[1]
    ('b', 2)
    """
    if not columns:
        raise TypeError("[dataset] needs at least one sequence")
    for c in columns:
        if not _indexed(c):
            raise TypeError(f"[dataset] {type(c).__name__} is no sequence with a length; list(...) makes one")
    if len(columns) == 1:
        return columns[0] if isinstance(columns[0], Dataset) else _Items(columns[0])
    if len({len(c) for c in columns}) > 1:
        raise ShapeError(f"[dataset] the columns have lengths {[len(c) for c in columns]}")
    return _Zipped(columns)


def _indexed(c: Any) -> bool:
    """Whether items are found by number: not in a mapping, nor in an array of rank 0."""
    return (
        hasattr(c, "__len__")
        and hasattr(c, "__getitem__")
        and not hasattr(c, "keys")
        and getattr(c, "shape", (0,)) != ()
    )
