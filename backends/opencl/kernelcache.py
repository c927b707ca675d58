"""Built kernels on disk: keyed by header, source, options, device and driver; what cannot be read is built again."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pyopencl as cl

from ...core.contract import cache_folder
from ..clike.engine import Source, whole

_NO_CACHE: Any = False  # PyOpenCL's own cache: this module replaces it
__all__ = ["build", "folder"]

log = logging.getLogger("dfdx.opencl")
SLOW = 1.0  # seconds, above which a build is announced
_told: list[bool] = []


def folder() -> Path | None:
    return cache_folder("opencl")


def key(device: Any, source: Source, options: tuple[str, ...]) -> str:
    """A name for what the compiler would make of this."""
    parts = (whole(source.text), *options, device.name, device.vendor, device.version, device.driver_version,
             device.platform.name, device.platform.version)  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def build(context: Any, device: Any, source: Source, options: tuple[str, ...]) -> Any:
    """The program of a source, from the cache if it is there and sound."""
    kept = folder()
    path = kept / f"{key(device, source, options)}.bin" if kept is not None else None
    found = _read(context, device, path, options) if path is not None else None
    if found is not None:
        return found
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compilers report success with remarks
        program = cl.Program(context, whole(source.text)).build(list(options), [device], cache_dir=_NO_CACHE)
    seconds = time.perf_counter() - start
    if seconds > SLOW and not _told:
        _told.append(True)
        log.warning("compiling a kernel took %.1f s; compiled kernels are kept in %s", seconds, kept or "memory only")
    if path is not None:
        _write(path, program)
    return program


def _read(context: Any, device: Any, path: Path, options: tuple[str, ...]) -> Any:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, binary = data[:32], data[32:]
    if hashlib.sha256(binary).digest() != digest:
        log.info("%s is damaged and is built again", path.name)
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cl.Program(context, [device], [binary]).build(list(options), [device], cache_dir=_NO_CACHE)
    except cl.Error as e:
        log.info("%s is not taken by the driver (%s) and is built again", path.name, e)
        return None


def _write(path: Path, program: Any) -> None:
    """Whole or not at all; a cache that cannot be written is no error."""
    try:
        (binary,) = program.get_info(cl.program_info.BINARIES)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as f:
            f.write(hashlib.sha256(binary).digest() + binary)
        os.replace(name, path)
    except (OSError, cl.Error) as e:
        log.info("the kernel cache cannot be written: %s", e)
