"""The data set that ships with dfdx."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from .dataset import Dataset, dataset

__all__ = ["digits"]


def digits(split: str = "train", seed: int = 0, flat: bool = True) -> Dataset[Any]:
    """Handwritten digits: 1,797 images of 8x8 pixels, as items (image f32 in [0, 1], label i64).

    * `split`: "train" (1,437 items) or "test" (360).
    * `seed`: which items go where; both splits of one seed have no item in common.
    * `flat`: images of shape (64,), else (1, 8, 8).

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    CC BY 4.0; here its test part.

    >>> from dfdx import data
    >>> image, label = data.digits("test")[0]
    >>> image.shape, len(data.digits("test"))
    ((64,), 360)
    """
    if split not in ("train", "test"):
        raise ValueError(f"[digits] split is 'train' or 'test', not {split!r}")
    table = _table()
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(table))
    cut = len(table) * 4 // 5
    rows = table[order[:cut] if split == "train" else order[cut:]]
    images = (rows[:, :64] / np.float32(16)).reshape((-1, 64) if flat else (-1, 1, 8, 8))
    return dataset(images, rows[:, 64].astype(np.int64))


@cache
def _table() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A row per image: 64 pixels from 0 to 16, then the label."""
    text = gzip.decompress((resources.files(__package__) / "digits.csv.gz").read_bytes()).decode()
    return np.loadtxt(text.splitlines(), delimiter=",", dtype=np.uint8)
