"""A progress bar that knows where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["progress"]


def progress(items: Iterable[Any], description: str = "") -> Iterator[Any]:
    """Yields the items; draws a bar on a terminal or in a notebook, and nothing at all in a pipe."""
    from tqdm.auto import tqdm

    notebook = "ipykernel" in sys.modules
    bar = tqdm(items, desc=description, leave=False, disable=not (notebook or sys.stderr.isatty()))
    return iter(bar)
