"""From a batch of items to the arrays or tensors that a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.public import DTypeError, ShapeError, Tensor

__all__ = ["collated", "stacked"]


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
    try:
        arrays = [np.asarray(item) for item in batch]
    except ValueError as e:
        raise ShapeError(f"[stack] an item is ragged: {e}") from None
    if len({a.shape for a in arrays}) > 1:
        raise ShapeError(
            f"[stack] the items have shapes {', '.join(str(s) for s in dict.fromkeys(a.shape for a in arrays))}"
        )
    out = np.stack(arrays)
    if out.dtype.kind not in "biuf" and out.dtype.name != "bfloat16":
        raise DTypeError(f"[stack] items of type {out.dtype} are no numbers\n  hint: .map(f) can make numbers of them")
    if out.dtype == np.float64 and not any(isinstance(item, (np.ndarray, np.generic)) for item in batch):
        return out.astype(np.float32)  # Python floats, as `dev.tensor` reads them
    return out
