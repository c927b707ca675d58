"""npz files: written plain, read without ever unpickling. bf16, which npy cannot name, is u16 under `<name>.bf16`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import DTYPES, dtype_of_numpy
from ..core.public import DType

__all__ = ["Contents", "Entry", "index", "serialize"]


class Entry(NamedTuple):
    """What a file says of one array, before its data is read."""

    shape: tuple[int, ...]
    dtype: type[DType]
    read: Any


class Contents(NamedTuple):
    """The arrays of a file, and what is wrong with those that are none."""

    entries: dict[str, Entry]
    bad: dict[str, str]


def serialize(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """The bytes of an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, a in arrays.items():
            narrow = a.dtype.name == "bfloat16"
            entry = io.BytesIO()
            np.lib.format.write_array(entry, a.view(np.uint16) if narrow else a, allow_pickle=False)
            z.writestr(zipfile.ZipInfo(name + (".bf16.npy" if narrow else ".npy")), entry.getvalue())
    return out.getvalue()


def index(f: Any) -> Contents:
    """What an archive holds; headers are checked against sizes, so that no file makes us reserve memory."""
    z, entries, bad = zipfile.ZipFile(f), {}, {}
    for info in z.infolist():
        try:
            key, entry = _entry(z, info)
            if key in entries:
                raise ValueError("is there twice")
            entries[key] = entry
        except Exception as e:
            bad[info.filename.removesuffix(".npy")] = str(e) or type(e).__name__
    return Contents(entries, bad)


def _entry(z: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[str, Entry]:
    name = info.filename
    if not name.endswith(".npy") or name.startswith(("/", "\\")) or ".." in name.split("/") or ":" in name:
        raise ValueError("is no array of a checkpoint")
    with z.open(info) as member:
        shape, fortran, dtype = _npy_header(member)
        offset = member.tell()
    key = name.removesuffix(".npy")
    narrow = key.endswith(".bf16") and dtype == np.uint16
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if info.file_size != offset + size:
        raise ValueError(f"has {info.file_size} bytes, but its header tells of {offset + size}")
    known = DTYPES["bf16"] if narrow else dtype_of_numpy(dtype)
    read = _npz_reader(z, info, shape, dtype, fortran, offset, narrow)
    return key.removesuffix(".bf16") if narrow else key, Entry(shape, known, read)


def _npy_header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"has npy version {version}, which is unknown")
    shape, fortran, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("holds pickled objects, which are never loaded")
    return shape, fortran, dtype


def _npz_reader(z: Any, info: Any, shape: tuple[int, ...], dtype: Any, fortran: bool, offset: int, narrow: bool) -> Any:
    def read() -> np.ndarray[Any, Any]:
        data = z.read(info)[offset:]
        a = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        return a.view(DTYPES["bf16"].numpy) if narrow else a.astype(dtype.newbyteorder("="), copy=False)

    return read
