"""Checkpoints: npz and safetensors, written atomically, checked whole before anything changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.inplace import write
from ..core.public import CheckpointError, Tensor
from . import npz_format, safetensors_format
from .npz_format import Contents, Entry

__all__ = ["fill", "load_arrays", "load_checked", "load_into", "save", "save_arrays"]

_FORMATS: dict[str, Any] = {".npz": npz_format, ".safetensors": safetensors_format}
Wanted = tuple[tuple[int, ...], Any]  # shape, dtype


def _format(path: Any) -> Any:
    suffix = Path(path).suffix
    if suffix not in _FORMATS:
        raise CheckpointError(f"[checkpoint] {path}: the suffix must be .npz or .safetensors, not {suffix!r}")
    return _FORMATS[suffix]


def save(tensors: Mapping[str, Tensor], path: Any) -> None:
    """Write tensors under their names."""
    save_arrays({k: t.array() for k, t in tensors.items()}, path)


def save_arrays(arrays: Mapping[str, np.ndarray[Any, Any]], path: Any) -> None:
    """Write arrays to a temporary file beside `path`, flush it to disk, then rename: a reader sees the old file or the new one."""
    data = _format(path).serialize(arrays)
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


def load_arrays(path: Any) -> dict[str, np.ndarray[Any, Any]]:
    """All arrays of a file; `CheckpointError` for one that is truncated, foreign or hostile."""
    return load_checked(path, None)


def load_checked(
    path: Any, wanted: Callable[[Collection[str]], Mapping[str, Wanted]] | None
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a file that holds just what is wanted, which may depend on the names in it.

    Raises one `CheckpointError` that lists everything that does not fit or cannot be read.
    """
    with _opened(path) as f:
        entries, bad = _contents(f, path)
        names = [*entries, *bad]
        problems = [f"{k} {what}" for k, what in bad.items()]
        problems += mismatches(wanted(names), entries, bad) if wanted is not None else []
        arrays = {}
        for k, e in entries.items() if not problems else ():
            try:
                arrays[k] = e.read()
            except Exception as error:
                problems.append(f"{k} cannot be read: {error or type(error).__name__}")
        if problems:
            raise CheckpointError(f"[load] {path} does not fit; nothing was changed:\n  " + "\n  ".join(problems))
        return arrays


def _opened(path: Any) -> Any:
    try:
        return open(path, "rb")
    except OSError as e:
        raise CheckpointError(f"[load] {path}: {e.strerror or e}") from e


def _contents(f: Any, path: Any) -> Contents:
    try:
        return _format(path).index(f)  # type: ignore[no-any-return]
    except CheckpointError:
        raise
    except Exception as e:
        raise CheckpointError(f"[load] {path} is no readable checkpoint: {type(e).__name__}: {e}") from e


def mismatches(wanted: Mapping[str, Wanted], found: Mapping[str, Entry], bad: Collection[str] = ()) -> list[str]:
    """Every difference between what is wanted and what a file holds, in words."""
    problems = [f"missing: {k}" for k in wanted if k not in found and k not in bad]
    problems += [f"extra: {k}" for k in found if k not in wanted]
    for k, (shape, dtype) in wanted.items():
        if k in found and tuple(found[k].shape) != tuple(shape):
            problems.append(f"shape of {k}: wanted {list(shape)}, file has {list(found[k].shape)}")
        if k in found and found[k].dtype.storage != dtype.storage:
            problems.append(f"dtype of {k}: wanted {dtype.name}, file has {found[k].dtype.name}")
    return problems


def load_into(tensors: Mapping[str, Tensor], path: Any) -> None:
    """Fill tensors from a file: all of them, or, if anything does not fit, none and one `CheckpointError`."""
    arrays = load_checked(path, lambda _: {k: (t.shape, t.dtype) for k, t in tensors.items()})
    fill(tensors, arrays, "load")


def fill(tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray[Any, Any]], writer: str) -> None:
    """Put arrays that are known to fit into tensors, in place: all are on the device before the first is written."""
    fresh = {k: t.device.tensor(arrays[k], t.dtype) for k, t in tensors.items()}
    for k, t in tensors.items():
        write(t, fresh[k], writer)
