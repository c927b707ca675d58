"""From IR text to machine code in this process, through a cache on disk (see `cache_folder`).

A cached object is keyed by the text, the CPU, its features and llvmlite's version; it refers to nothing outside itself
but libc, since kernels find all else through a table. llvmlite is imported when first used.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ....core.contract import cache_folder

__all__ = ["compile_ir", "cpu_features", "machine", "vector_bytes"]

_MAGIC = b"dfdx-object-1\n"
_compiled: dict[str, Any] = {}  # engines by text


@cache
def machine() -> Any:
    """(llvmlite.binding, target machine, a text that names CPU, features and version)."""
    import llvmlite
    import llvmlite.binding as llvm

    for start in (llvm.initialize_native_target, llvm.initialize_native_asmprinter):
        with contextlib.suppress(RuntimeError):  # some releases do this by themselves
            start()
    features = llvm.get_host_cpu_features().flatten()
    cpu = llvm.get_host_cpu_name()
    target = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=2, jit=True)
    return llvm, target, f"{llvmlite.__version__} {llvm.get_default_triple()} {cpu} {features}"


@cache
def cpu_features() -> frozenset[str]:
    """Features of this CPU, under LLVM's names."""
    llvm, *_ = machine()
    return frozenset(name for name, on in llvm.get_host_cpu_features().items() if on)


@cache
def vector_bytes() -> int:
    """Bytes of a vector register."""
    if "avx512f" in cpu_features():
        return 64
    return 32 if "avx" in cpu_features() else 16


@cache
def _folder() -> Path | None:
    return cache_folder("cpu")


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, body = data[: len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    return body if head == _MAGIC + hashlib.sha256(body).digest() else None


def _write(path: Path, body: bytes) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as f:
            f.write(_MAGIC + hashlib.sha256(body).digest() + body)
        os.replace(temporary, path)
    except OSError:
        pass  # a full or read-only disk only costs time


def compile_ir(text: str, name: str = "kernel") -> int:
    """The address of function `name` of an IR module; one text is compiled once."""
    engine = _compiled.get(text)
    if engine is None:
        engine = _compiled[text] = _load(text)
        ctypes.pythonapi.Py_IncRef(
            ctypes.py_object(engine)
        )  # code lives as long as the process: threads may be in it at exit
    return int(engine.get_function_address(name))


def _load(text: str) -> Any:
    """The engine that holds a module's code, from the disk cache or made now."""
    llvm, target, version = machine()
    folder = _folder()
    path = folder / (hashlib.sha256(f"{version}\0{text}".encode()).hexdigest() + ".o") if folder is not None else None
    code = _read(path) if path is not None else None
    if code is None:
        parsed = llvm.parse_assembly(text)
        parsed.verify()
        code = target.emit_object(parsed)
        if path is not None:
            _write(path, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine
