"""A progress bar that knows where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(items: Iterable[T], description: str = "") -> Iterator[T]:
    """The items; a bar on stderr where that is a terminal, or in a notebook, and nothing at all in a pipe.

    The bar knows its end where `items` has a length, and is wiped away when the loop is over.

    >>> from dfdx.utils import progress
    >>> sum(progress(range(5), "adding"))
    10
    """
    if not _shown():
        return iter(items)
    from tqdm.auto import tqdm

    return iter(tqdm(items, desc=description or None, leave=False, dynamic_ncols=True))


def _shown() -> bool:
    if "ipykernel" in sys.modules:
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is no stderr, or it is closed
        return False
