"""From a batch of items to the arrays or tensors that a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.public import DTypeError, ShapeError, Tensor

__all__ = ["collated", "stacked"]

_PYTHON = {bool: np.bool_, int: np.int64, float: np.float32}  # as `dev.tensor` reads them


def collated(batch: Any) -> tuple[list[Any], ...]:
    """A list of tuples as a tuple of lists."""
    for i, item in enumerate(batch):
        if not isinstance(item, tuple) or len(item) != len(batch[0]):
            was = f"{len(item)} elements" if isinstance(item, tuple) else f"a {type(item).__name__}"
            raise TypeError(
                f"[collate] takes batches of tuples of one length, item {i} has {was}\n  hint: .batch_exact(n) comes before .collate()"
            )
    return tuple(list(column) for column in zip(*batch))


def stacked(batch: Any) -> Any:
    """A list of tensors or numbers as one with a new leading axis; a tuple of lists as a tuple of those."""
    if isinstance(batch, tuple):
        return tuple(stacked(column) for column in batch)
    if not isinstance(batch, list) or not batch:
        raise ShapeError(
            f"[stack] takes a list of at least one item, not {batch!r}\n  hint: .batch_exact(n) comes before .stack()"
        )
    if isinstance(batch[0], Tensor):
        from ..core.public import stack  # type: ignore[attr-defined]

        return stack(batch)
    return _array(batch)


def _array(batch: list[Any]) -> np.ndarray[Any, Any]:
    arrays = [_read(item) for item in batch]
    if len({a.shape for a in arrays}) > 1:
        raise ShapeError(f"[stack] the items have shapes {', '.join(map(str, dict.fromkeys(a.shape for a in arrays)))}")
    out = np.stack(arrays)
    if out.dtype.kind in "OUSV" and out.dtype.name != "bfloat16":
        raise DTypeError(f"[stack] items of {out.dtype} are no numbers\n  hint: .map(f) can turn them into numbers")
    return out


def _read(item: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(item, _PYTHON.get(type(item)))
    except ValueError as e:
        raise ShapeError(f"[stack] a ragged item: {e}") from None
    return array.astype(np.float32) if array.dtype == np.float64 and isinstance(item, (list, tuple)) else array
