"""IDX files: the format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import os
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Dataset, dataset

__all__ = ["mnist", "read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE = 1 << 20
_FILES = {"train": "train", "test": "t10k"}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray[Any, Any]:
    """The array in an IDX file, gzipped or not, in its own dtype and the machine's byte order.

    Raises `ValueError` for a file that is no IDX file, is damaged, or is shorter or longer than its header says. No more
    is read than the header asks for.

    Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database of handwritten digits, "The IDX file format".
    """
    with open(path, "rb") as f:
        zipped = f.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else open(path, "rb") as f:
        try:
            return _parsed(f)
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as e:
            raise ValueError(f"[read_idx] {os.fspath(path)}: {e}") from None


def _parsed(f: Any) -> np.ndarray[Any, Any]:
    magic = f.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
        raise ValueError(
            f"no IDX file: it begins with {magic.hex(' ') or 'nothing'}, not with 00 00, a type and a rank"
        )
    dtype, rank = np.dtype(_TYPES[magic[2]]), magic[3]
    sizes = f.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(f"the file ends inside its header of {4 + 4 * rank} bytes")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    wanted = prod(shape) * dtype.itemsize
    body = _read(f, wanted)
    if len(body) < wanted or f.read(1):
        has = f"only {len(body)} follow" if len(body) < wanted else "more follow"
        raise ValueError(f"shape {list(shape)} of {dtype.name} needs {wanted} bytes, {has}")
    return np.ndarray(shape, dtype, body).astype(dtype.newbyteorder("="), copy=False)


def _read(f: Any, count: int) -> bytearray:
    """Up to `count` bytes, piece by piece, so that a header's lie reserves no memory."""
    out = bytearray()
    while len(out) < count and (piece := f.read(min(count - len(out), _PIECE))):
        out += piece
    return out


def mnist(folder: str | os.PathLike[str], split: str = "train", flat: bool = False) -> Dataset[Any]:
    """MNIST, or any data set in its four files, as items (image f32 in [0, 1], label i64).

    * `folder`: where the files lie under their usual names, such as `train-images-idx3-ubyte.gz`; nothing is downloaded.
    * `split`: "train" or "test".
    * `flat`: images of shape (784,), else (1, 28, 28).

    Raises `FileNotFoundError` that lists the names looked for, `ValueError` for a damaged file.
    """
    if split not in _FILES:
        raise ValueError(f"[mnist] split is 'train' or 'test', not {split!r}")
    images = read_idx(_found(Path(folder), f"{_FILES[split]}-images", "idx3-ubyte"))
    labels = read_idx(_found(Path(folder), f"{_FILES[split]}-labels", "idx1-ubyte")).astype(np.int64)
    images = images.reshape((len(images), -1) if flat else (len(images), 1, *images.shape[1:]))
    return dataset(images, labels).map(_scaled)


def _scaled(item: Any) -> Any:
    """Bytes as floats; item by item, so that the images stay bytes in memory."""
    image, label = item
    return np.divide(image, 255.0, dtype=np.float32), label


def _found(folder: Path, stem: str, ending: str) -> Path:
    names = [f"{stem}{dot}{ending}{gz}" for dot in "-." for gz in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"[mnist] {folder} has none of {', '.join(names)}")
