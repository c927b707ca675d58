"""Kernels of the shared C dialect, built by OpenCL, with their parameters read from the driver's array of addresses."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import pyopencl as cl

__all__ = ["Function", "build", "launch"]

SIZES = {"b1": 4, "f32": 4, "f64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "u8": 1, "u16": 2, "u32": 4, "u64": 8}
MOST_GROUPS, MOST_THREADS = (2**31 - 1, 65535, 65535), 1024
_lock = threading.Lock()
_handles = count(1)
_functions: dict[int, Function] = {}


class Function(NamedTuple):
    """A kernel; `sizes` has the bytes of each parameter, 0 for a pointer; `ptr` is the driver's handle."""

    kernel: Any
    sizes: tuple[int, ...]
    group: tuple[int, ...]
    ptr: int


@cache
def _queue() -> Any:
    """On the platform that DFDX_SIMULATOR names, or on the first; the checker of kernels comes last."""
    wanted = os.environ.get("DFDX_SIMULATOR", "").lower()
    platforms = sorted(cl.get_platforms(), key=lambda p: p.name == "Oclgrind")
    platform = next(p for p in platforms if wanted in p.name.lower())
    context = cl.Context(platform.get_devices()[:1])
    return cl.CommandQueue(context)


def build(code: str, name: str) -> Function:
    queue = _queue()
    program = cl.Program(queue.context, code).build(["-DHAVE_F64", "-cl-std=CL1.2"])
    text = code[code.rindex(f" {name}(") :]
    parameters = re.sub(r"\s+", " ", text[text.index("(") + 1 : text.index(") {")]).split(",")
    sizes = [0 if "*" in p else SIZES.get(p.split()[-2], 0) for p in parameters]
    sizes[-1] = 8 * int(re.findall(r"^DIMS\((\d+)\)", code, re.M)[-1])
    found = Function(cl.Kernel(program, name), tuple(sizes), (), next(_handles))
    group = found.kernel.get_work_group_info(cl.kernel_work_group_info.COMPILE_WORK_GROUP_SIZE, queue.device)
    found = _functions[found.ptr] = found._replace(group=tuple(group))
    return found


def launch(handle: int, groups: tuple[int, ...], group: tuple[int, ...], parameters: int) -> Any:
    """The launch as work, with the parameters as they are now."""
    f = _functions[handle]
    if any(not 0 < n <= most for n, most in zip(groups, MOST_GROUPS, strict=True)):
        raise ValueError(f"CUDA_ERROR_INVALID_VALUE: {groups} groups")
    if group != f.group or group[0] * group[1] * group[2] > MOST_THREADS:
        raise ValueError(f"CUDA_ERROR_INVALID_VALUE: groups of {group}, compiled for {f.group}")
    addresses = (ctypes.c_void_p * len(f.sizes)).from_address(parameters)
    values = [ctypes.string_at(a, size or 8) for a, size in zip(addresses, f.sizes, strict=True)]

    def work() -> None:
        with _lock:
            for i, (value, size) in enumerate(zip(values, f.sizes, strict=True)):
                if size:
                    f.kernel._set_arg_buf(i, value)
                else:
                    f.kernel.set_arg(i, cl.SVM((ctypes.c_char * 1).from_address(int.from_bytes(value, "little"))))
            size = tuple(g * n for g, n in zip(groups, group, strict=True))
            cl.enqueue_nd_range_kernel(_queue(), f.kernel, size, group).wait()

    return work
