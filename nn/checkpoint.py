"""Checkpoints: npz and safetensors, written atomically, read without ever unpickling, checked whole before anything changes."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.dtypes import DTYPES, dtype_of_numpy
from ..core.inplace import write
from ..core.public import CheckpointError, DType, Tensor

__all__ = ["fill", "load_arrays", "load_checked", "load_into", "save", "save_arrays"]

_TAGS = {
    "f64": "F64",
    "f32": "F32",
    "f16": "F16",
    "bf16": "BF16",
    "i64": "I64",
    "i32": "I32",
    "i16": "I16",
    "i8": "I8",
    "u64": "U64",
    "u32": "U32",
    "u16": "U16",
    "u8": "U8",
    "bool": "BOOL",
}
_MAX_HEADER = 100_000_000
Wanted = tuple[tuple[int, ...], Any]  # shape, dtype


def _suffix(path: Any) -> str:
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise CheckpointError(f"[checkpoint] {path}: the suffix must be .npz or .safetensors, not {suffix!r}")
    return suffix


def save(tensors: Mapping[str, Tensor], path: Any) -> None:
    """Write tensors under their names."""
    save_arrays({k: t.array() for k, t in tensors.items()}, path)


def save_arrays(arrays: Mapping[str, np.ndarray[Any, Any]], path: Any) -> None:
    """Write arrays to a temporary file beside `path`, flush it to disk, then rename: a reader sees the old file or the new one."""
    data = _npz(arrays) if _suffix(path) == ".npz" else _safetensors(arrays)
    target = Path(path).resolve()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _npz(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """bf16, which npy cannot name, is stored as u16 under `<name>.bf16`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, a in arrays.items():
            narrow = a.dtype.name == "bfloat16"
            entry = io.BytesIO()
            np.lib.format.write_array(entry, a.view(np.uint16) if narrow else a, allow_pickle=False)
            z.writestr(zipfile.ZipInfo(name + (".bf16.npy" if narrow else ".npy")), entry.getvalue())
    return out.getvalue()


def _safetensors(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    from safetensors.numpy import save as serialize

    return serialize({k: np.ascontiguousarray(a).reshape(a.shape) for k, a in arrays.items()})


class _Entry:
    """What a file says of one array, before its data is read."""

    def __init__(self, shape: tuple[int, ...], dtype: type[DType], read: Any) -> None:
        self.shape, self.dtype, self.read = shape, dtype, read


def load_arrays(path: Any) -> dict[str, np.ndarray[Any, Any]]:
    """All arrays of a file; `CheckpointError` for one that is truncated, foreign or hostile."""
    with _opened(path) as f:
        return {name: e.read() for name, e in _index(f, path).items()}


def _opened(path: Any) -> Any:
    try:
        return open(path, "rb")
    except OSError as e:
        raise CheckpointError(f"[load] {path}: {e.strerror or e}") from e


def _index(f: Any, path: Any) -> dict[str, _Entry]:
    try:
        return _index_npz(f) if _suffix(path) == ".npz" else _index_safetensors(f)
    except CheckpointError:
        raise
    except Exception as e:
        raise CheckpointError(f"[load] {path} is no readable checkpoint: {type(e).__name__}: {e}") from e


def _index_npz(f: Any) -> dict[str, _Entry]:
    z = zipfile.ZipFile(f)
    found: dict[str, _Entry] = {}
    for info in z.infolist():
        name = info.filename
        if not name.endswith(".npy") or name.startswith(("/", "\\")) or ".." in name.split("/") or ":" in name:
            raise CheckpointError(f"[load] the archive holds {name!r}, which is no array of a checkpoint")
        with z.open(info) as member:
            shape, fortran, dtype = _npy_header(member, name)
            offset = member.tell()
        key = name.removesuffix(".npy")
        narrow = key.endswith(".bf16") and dtype == np.uint16
        key = key.removesuffix(".bf16") if narrow else key
        if key in found:
            raise CheckpointError(f"[load] the archive holds {key!r} twice")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if info.file_size != offset + size:
            raise CheckpointError(f"[load] {name}: {info.file_size} bytes, but its header tells of {offset + size}")
        found[key] = _Entry(
            shape,
            DTYPES["bf16"] if narrow else dtype_of_numpy(dtype),
            _npz_reader(z, info, shape, dtype, fortran, offset, narrow),
        )
    return found


def _npy_header(member: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise CheckpointError(f"[load] {name}: npy version {version} is unknown")
    shape, fortran, dtype = read(member)
    if dtype.hasobject:
        raise CheckpointError(f"[load] {name} holds pickled objects, which are never loaded")
    return shape, fortran, dtype


def _npz_reader(z: Any, info: Any, shape: tuple[int, ...], dtype: Any, fortran: bool, offset: int, narrow: bool) -> Any:
    def read() -> np.ndarray[Any, Any]:
        data = z.read(info)[offset:]
        a = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        return a.view(DTYPES["bf16"].numpy) if narrow else a.astype(dtype.newbyteorder("="), copy=False)

    return read


def _index_safetensors(f: Any) -> dict[str, _Entry]:
    import json

    total = os.fstat(f.fileno()).st_size
    head = f.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or not 0 < length <= min(_MAX_HEADER, total - 8):
        raise CheckpointError(f"[load] a header of {length} bytes in a file of {total}")
    header = json.loads(f.read(length))
    names = {tag: DTYPES[n] for n, tag in _TAGS.items()}
    found: dict[str, _Entry] = {}
    for key, e in header.items():
        if key == "__metadata__":
            continue
        if e["dtype"] not in names:
            raise CheckpointError(f"[load] {key}: dtype {e['dtype']!r} is unknown")
        shape, (start, stop), dtype = tuple(e["shape"]), e["data_offsets"], names[e["dtype"]]
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if (
            any(not isinstance(d, int) or d < 0 for d in shape)
            or start < 0
            or stop - start != size
            or 8 + length + stop > total
        ):
            raise CheckpointError(
                f"[load] {key}: shape {list(shape)} needs {size} bytes, the file has {stop - start} at {start}"
            )
        found[key] = _Entry(
            shape,
            dtype,
            lambda start=start, size=size, shape=shape, dtype=dtype: _read_raw(
                f, 8 + length + start, size, shape, dtype
            ),
        )
    return found


def _read_raw(f: Any, at: int, size: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    f.seek(at)
    return np.frombuffer(f.read(size), dtype.numpy).reshape(shape)


def mismatches(wanted: Mapping[str, Wanted], found: Mapping[str, Any]) -> list[str]:
    """Every difference between what is wanted and what a file holds, in words."""
    problems = [f"missing: {k}" for k in wanted if k not in found]
    problems += [f"extra: {k}" for k in found if k not in wanted]
    for k, (shape, dtype) in wanted.items():
        if k in found and tuple(found[k].shape) != tuple(shape):
            problems.append(f"shape of {k}: wanted {list(shape)}, file has {list(found[k].shape)}")
        if k in found and found[k].dtype is not dtype and found[k].dtype.storage != dtype.storage:
            problems.append(f"dtype of {k}: wanted {dtype.name}, file has {found[k].dtype.name}")
    return problems


def load_checked(
    path: Any, wanted: Callable[[Collection[str]], Mapping[str, Wanted]]
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a file that holds just what is wanted, which may depend on the names in it; else one `CheckpointError`."""
    with _opened(path) as f:
        index = _index(f, path)
        problems = mismatches(wanted(index), index)
        if problems:
            raise CheckpointError(f"[load] {path} does not fit; nothing was changed:\n  " + "\n  ".join(problems))
        try:
            return {k: e.read() for k, e in index.items()}
        except Exception as e:
            raise CheckpointError(f"[load] {path} cannot be read, nothing was changed: {type(e).__name__}: {e}") from e


def load_into(tensors: Mapping[str, Tensor], path: Any) -> None:
    """Fill tensors from a file: all of them, or, if anything does not fit, none and one `CheckpointError`."""
    arrays = load_checked(path, lambda _: {k: (t.shape, t.dtype) for k, t in tensors.items()})
    fill(tensors, arrays, "load")


def fill(tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray[Any, Any]], writer: str) -> None:
    """Put arrays that are known to fit into tensors, in place: all are on the device before the first is written."""
    fresh = {k: t.device.tensor(arrays[k], t.dtype) for k, t in tensors.items()}
    for k, t in tensors.items():
        write(t, fresh[k], writer)
