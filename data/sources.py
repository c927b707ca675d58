"""Data that ships with dfdx, and data on disk."""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Dataset, dataset

__all__ = ["digits", "read_idx"]

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Any) -> np.ndarray[Any, Any]:
    """The array in an IDX file (MNIST's format), gzipped or not.

    Raises `ValueError` for a file that is no IDX file, or has another length than its header says.
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as e:
            raise ValueError(f"[read_idx] {path}: {e}") from e
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES:
        raise ValueError(f"[read_idx] {path} is no IDX file: it begins with {raw[:4].hex() or 'nothing'}")
    dtype, rank = np.dtype(_IDX_TYPES[raw[2]]), raw[3]
    head = 4 + 4 * rank
    if len(raw) < head:
        raise ValueError(f"[read_idx] {path} ends inside its header")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", rank, 4))
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(raw) != head + size:
        raise ValueError(f"[read_idx] {path}: shape {list(shape)} needs {size} bytes, the file has {len(raw) - head}")
    return np.frombuffer(raw, dtype, offset=head).reshape(shape).astype(dtype.newbyteorder("="))


def digits(split: str = "train", seed: int = 0, flat: bool = True) -> Dataset:
    """Handwritten digits: 1,797 images of 8x8 pixels, as items (image f32 in [0, 1], label int).

    * `split`: "train" (1,437 items) or "test" (360); `seed` decides which.
    * `flat`: images of shape (64,), else (1, 8, 8).

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    CC BY 4.0.
    """
    if split not in ("train", "test"):
        raise ValueError(f"[digits] split is 'train' or 'test', not {split!r}")
    text = gzip.decompress((resources.files(__package__) / "digits.csv.gz").read_bytes()).decode()
    table = np.loadtxt(text.splitlines(), delimiter=",", dtype=np.float32)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(table))
    cut = len(table) * 4 // 5
    rows = table[order[:cut] if split == "train" else order[cut:]]
    images: Any = (rows[:, :64] / 16.0).reshape((-1, 64) if flat else (-1, 1, 8, 8))
    return dataset(images, [int(v) for v in rows[:, 64]])
