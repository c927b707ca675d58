"""safetensors files: written by the library, read here, so that what a hostile header says is checked first."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.dtypes import DTYPES
from ..core.public import CheckpointError
from .npz_format import Contents, Entry

__all__ = ["index", "serialize"]

_TAGS = {name: {"bool": "BOOL", "bf16": "BF16"}.get(name, name.upper()) for name in DTYPES if not DTYPES[name].is_amp}
_MAX_HEADER = 100_000_000


def serialize(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """The bytes of a file."""
    from safetensors.numpy import save

    return save({k: np.ascontiguousarray(a).reshape(a.shape) for k, a in arrays.items()})


def index(f: Any) -> Contents:
    """What a file holds."""
    total = os.fstat(f.fileno()).st_size
    head = f.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or not 0 < length <= min(_MAX_HEADER, total - 8):
        raise CheckpointError(f"[load] a header of {length} bytes in a file of {total}")
    entries, bad = {}, {}
    for key, e in json.loads(f.read(length)).items():
        if key != "__metadata__":
            try:
                entries[key] = _entry(f, e, 8 + length, total)
            except Exception as error:
                bad[key] = str(error) or type(error).__name__
    return Contents(entries, bad)


def _entry(f: Any, e: Any, at: int, total: int) -> Entry:
    names = {tag: DTYPES[n] for n, tag in _TAGS.items()}
    if e["dtype"] not in names:
        raise ValueError(f"has dtype {e['dtype']!r}, which is unknown")
    shape, (start, stop), dtype = tuple(e["shape"]), e["data_offsets"], names[e["dtype"]]
    if not all(isinstance(n, int) and n >= 0 for n in (*shape, start, stop)):
        raise ValueError(f"has shape {list(shape)} at {start} to {stop}")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if stop - start != size or at + stop > total:
        raise ValueError(
            f"needs {size} bytes for shape {list(shape)}, the file has {min(stop, total - at) - start} for it"
        )
    return Entry(shape, dtype, lambda: _read_raw(f, at + start, size, shape, dtype))


def _read_raw(f: Any, at: int, size: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    f.seek(at)
    return np.frombuffer(f.read(size), dtype.numpy).reshape(shape)
