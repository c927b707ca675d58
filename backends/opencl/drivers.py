"""Which OpenCL drivers the loader sees, and which devices they have.

A driver that came as a wheel (Intel's CPU runtime) is made known to the loader without hiding the system's own. The loader reads
its settings at the first `get_platforms()`, so this works before or after `import pyopencl`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from ...core.contract import BackendUnavailable, cache_folder

__all__ = ["all_devices", "choose", "import_pyopencl", "platform_summary"]

_WHEELS = {"intel-opencl-rt": "libintelocl.so"}  # distribution -> driver library
_registered: list[str] = []


def _wheel_drivers() -> dict[str, str]:
    """Distribution name -> path of its driver library."""
    found = {}
    for dist, library in _WHEELS.items():
        try:
            files = metadata.distribution(dist).files or []
        except metadata.PackageNotFoundError:
            continue
        for f in files:
            if f.name == library and (path := Path(str(f.locate())).resolve()).exists():
                found[dist] = str(path)
    return found


def register_wheels() -> str:
    """Tell the loader of drivers in wheels; returns what was done. A user's own setting is left alone."""
    os.environ.setdefault("PYOPENCL_CACHE_FAILURE_FATAL", "")  # PyOpenCL 2026.1.4 raises KeyError without it
    if _registered:
        return _registered[0]
    _registered.append(_register())
    return _registered[0]


def _register() -> str:
    if not sys.platform.startswith("linux"):
        return "the loader finds drivers itself"
    if os.environ.get("OCL_ICD_VENDORS") or os.environ.get("OPENCL_VENDOR_PATH"):
        return "set by the user"
    drivers = _wheel_drivers()
    if not drivers:
        return "no driver came as a wheel"
    entries = {Path(p).name: Path(p).read_text().strip() for p in glob.glob("/etc/OpenCL/vendors/*.icd")}
    if not any("libintelocl.so" in v for v in entries.values()):
        entries.update({f"zz-{dist}.icd": path for dist, path in drivers.items()})  # last: real devices come first
    key = hashlib.sha256(repr(sorted(entries.items())).encode()).hexdigest()[:16]
    for root in (cache_folder("icd"), Path(tempfile.gettempdir()) / f"dfdx-icd-{os.getuid()}"):
        if root is None:
            continue
        try:
            folder = _write_entries(root, key, entries)
        except OSError:
            continue
        os.environ["OCL_ICD_VENDORS"] = str(folder)
        return str(folder)
    os.environ["OCL_ICD_VENDORS"] = next(iter(drivers.values()))
    return "the driver alone: no folder could be written"


def _write_entries(root: Path, key: str, entries: dict[str, str]) -> Path:
    folder = root / key
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=root))
        for name, text in entries.items():
            (made / name).write_text(text + "\n")
        if not folder.is_dir():
            try:
                made.rename(folder)  # atomic: processes that start together race here
            except OSError:
                if not folder.is_dir():
                    raise
    return folder


def import_pyopencl() -> Any:
    """The module; raises `BackendUnavailable` where it is missing or broken."""
    register_wheels()
    try:
        import pyopencl
    except ImportError as e:
        raise BackendUnavailable(
            f"PyOpenCL cannot be imported: {e}",
            'pip install "dfdx[opencl]" with a driver of your own, "dfdx[opencl-cpu]" with Intel\'s CPU runtime, or "dfdx[pocl]"',
        ) from None
    return pyopencl


def every_device() -> list[Any]:
    """Every device of every platform that can be used, checkers included, as the loader lists them."""
    cl = import_pyopencl()
    found = []
    try:
        platforms = cl.get_platforms()
    except cl.Error as e:
        raise BackendUnavailable(f"the OpenCL loader finds no platform: {e}", _INSTALL) from None
    for p in platforms:
        try:
            found += p.get_devices()
        except cl.Error:  # a platform without devices
            continue
    return [d for d in found if d.available and d.compiler_available]


def all_devices() -> list[Any]:
    """The devices to compute on: GPUs first, then accelerators, then CPUs; within a kind as the loader lists them.

    Oclgrind, which checks kernels and computes slowly, is got by its name, unless it is all there is.
    """
    cl = import_pyopencl()
    every = every_device()
    usable = [d for d in every if not is_checker(d)] or every
    if not usable:
        raise BackendUnavailable("no OpenCL platform has a usable device", _INSTALL)
    rank = {cl.device_type.GPU: 0, cl.device_type.ACCELERATOR: 1}
    return sorted(usable, key=lambda d: (rank.get(d.type, 2), "portable computing" in d.platform.name.lower()))


def is_checker(device: Any) -> bool:
    return "oclgrind" in device.platform.name.lower()


_INSTALL = 'pip install "dfdx[opencl-cpu]" (Intel\'s CPU runtime) or "dfdx[pocl]"; GPUs need their vendor\'s driver'


def names(device: Any) -> str:
    """What `opencl:<name>` is matched against, in lower case."""
    extra = " pocl" if "portable computing" in device.platform.name.lower() else ""
    return f"{device.platform.name} {device.name} {device.vendor}{extra}".lower()


def choose(index: int, select: str = "") -> Any:
    """The device of that number, or the first whose platform, name or vendor contains `select`."""
    if select.lower() == "oclgrind":
        devices = [d for d in every_device() if is_checker(d)]
    else:
        devices = all_devices()
    if select:
        for d in devices:
            if select.lower() in names(d):
                return d
    elif index < len(devices):
        return devices[index]
    what = f"named {select!r}" if select else f"number {index}"
    raise BackendUnavailable(f"no OpenCL device {what}; there are: {platform_summary()}", "python -m dfdx devices")


def platform_summary() -> str:
    """`0: device (platform), ...` for messages."""
    return ", ".join(f"{i}: {d.name.strip()} ({d.platform.name.strip()})" for i, d in enumerate(all_devices()))
