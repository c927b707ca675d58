"""The driver: one context, one in-order queue, one memory pool; kernels per thread, built once and kept on disk."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pyopencl as cl
from pyopencl import _cl
from pyopencl.tools import ImmediateAllocator, MemoryPool

from ...core.contract import OutOfMemoryError
from ..clike.array import Array
from ..clike.engine import Engine, Launch, Source, Target
from ..clike.memory import Copier
from ..clike.tune import Tuner
from ..clike.types import packer
from . import kernelcache

__all__ = ["OpenCLEngine"]

_enqueue, _Kernel = _cl.enqueue_nd_range_kernel, cl.Kernel
_ident = threading.get_ident
MOST_PROGRAMS = 400  # built and ready at once: each takes the compiler about 2 MB, and 5 ms to load again from disk


@cache
def _packed(count: int) -> Callable[..., bytes]:
    return struct.Struct(f"{count}q").pack


class OpenCLEngine(Engine):
    """An opened device.

    `runtime` is the same object: core asks it for memory statistics and the like.
    """

    fork_safe = False

    def __init__(self, device: Any, index: int) -> None:
        self.device, self.index, self.pid = device, index, os.getpid()
        self.context = cl.Context([device])  # kept: Intel refuses a queue whose Context object is gone
        self.queue = cl.CommandQueue(self.context, device)
        self.pool = MemoryPool(ImmediateAllocator(self.queue))
        self._allocate: Callable[[int], Any] = self.pool.allocate
        self.caching = True
        self.target = _target(device)
        self.options = _options(device, self.target)
        self._programs: dict[Source, Any] = {}
        self._kernels: dict[Source, dict[int, Any]] = {}  # by thread; emptied when the program is dropped
        self._building = threading.Lock()
        self.copier = Copier(self)
        self.tuner = Tuner(kernelcache.folder(), f"{device.name} {device.driver_version}")

    # ----- memory

    def allocate(self, nbytes: int) -> Any:
        try:
            return self._allocate(nbytes)
        except (cl.MemoryError, cl.LogicError, cl.RuntimeError) as e:
            if not _is_memory(e):
                raise
        self.synchronize()
        self.pool.free_held()
        try:
            return self._allocate(nbytes)
        except (cl.MemoryError, cl.LogicError, cl.RuntimeError) as e:
            if not _is_memory(e):
                raise
            stats = self.memory_stats()
            raise OutOfMemoryError(
                f"[allocate] {nbytes} bytes do not fit: {self.device.name.strip()} has {self.device.global_mem_size} bytes "
                f"({self.device.max_mem_alloc_size} at most at once), of which {stats['in_use']} are in use here\n"
                "  hint: smaller batches; del what is no longer needed"
            ) from None

    def empty_cache(self) -> None:
        """Give freed memory back to the driver."""
        self.queue.finish()
        self.pool.free_held()

    def enable_cache(self) -> None:
        """Keep freed memory for reuse."""
        self._allocate, self.caching = self.pool.allocate, True

    def disable_cache(self) -> None:
        """Give freed memory back at once; the driver keeps it until the kernels that use it are done."""
        allocator = ImmediateAllocator(self.queue)
        self.empty_cache()
        self._allocate, self.caching = allocator, False

    def memory_stats(self) -> dict[str, int]:
        """Bytes in use, and bytes that are free but kept."""
        active, managed = int(self.pool.active_bytes), int(self.pool.managed_bytes)
        return {"in_use": active, "cached": managed - active, "blocks_held": int(self.pool.held_blocks)}

    def write(self, a: Array, host: Any) -> None:
        cl.enqueue_copy(self.queue, a.buffer, host, dst_offset=a.offset * a.dtype.itemsize, is_blocking=True)

    def read(self, a: Array, host: Any) -> None:
        cl.enqueue_copy(self.queue, host, a.buffer, src_offset=a.offset * a.dtype.itemsize, is_blocking=True)

    def synchronize(self) -> None:
        self.queue.finish()

    # ----- kernels

    def program(self, source: Source) -> Any:
        """The built program; built once per machine where the cache on disk holds it. The oldest of too many are dropped."""
        found = self._programs.get(source)
        if found is None:
            with self._building:
                found = self._programs.get(source)
                if found is None:
                    found = self._programs[source] = kernelcache.build(self.context, self.device, source, self.options)
                    while len(self._programs) > MOST_PROGRAMS:
                        oldest = next(iter(self._programs))
                        del self._programs[oldest]
                        self._kernels[oldest].clear()
        return found

    def _kernel(self, source: Source) -> Any:
        """This thread's kernel object: two threads that share one set each other's arguments."""
        found = self._kernels[source][_ident()] = _Kernel(self.program(source), source.name)
        return found

    def prepare(self, launch: Launch) -> Callable[[Sequence[Array], Sequence[Any]], None]:
        source, numbers = launch.source, launch.numbers
        local: tuple[int, ...] = source.group
        size = tuple([g * n for g, n in zip(launch.groups, local, strict=True)])
        if size[2] == size[1] == local[1] == local[2] == 1:
            size, local = size[:1], local[:1]
        packers = tuple([packer(d) for d in source.scalars])
        queue, tail = self.queue, struct.pack(f"{len(numbers)}q", *numbers)
        kernels = self._kernels.setdefault(source, {})
        if not kernels:
            self._kernel(source)  # errors of the compiler show here

        dense: dict[int, bytes] = {}  # the struct of arrays without offsets, by their number

        def call(arrays: Sequence[Array], scalars: Sequence[Any] = ()) -> None:
            kernel = kernels.get(_ident())
            if kernel is None:
                kernel = self._kernel(source)
            set_arg, i, moved = kernel.set_arg, 0, 0
            for a in arrays:
                set_arg(i, a.buffer)
                moved |= a.offset
                i += 1
            numbers_of = dense.get(i)
            if moved or numbers_of is None:
                numbers_of = _packed(i)(*[a.offset for a in arrays]) + tail
                if not moved:
                    dense[i] = numbers_of
            for pack, value in zip(packers, scalars):
                kernel._set_arg_buf(i, pack(value))
                i += 1
            kernel._set_arg_buf(i, numbers_of)
            _enqueue(queue, kernel, size, local)

        return call

    def fastest(self, key: str, choices: Any, arrays: Sequence[Array]) -> Any:
        return self.tuner.fastest(self, key, choices, arrays)

    def close(self) -> None:
        """Wait for what is queued and let the driver go; in a forked child there is nothing to wait for."""
        if os.getpid() == self.pid:
            self.queue.finish()
            self._kernels.clear()
            self._programs.clear()
            self.pool.stop_holding()


def _is_memory(error: Exception) -> bool:
    return any(w in str(error) for w in ("MEM_OBJECT_ALLOCATION", "OUT_OF", "INVALID_BUFFER_SIZE"))


def _target(device: Any) -> Target:
    cpu = device.type == cl.device_type.CPU
    pocl = "portable computing" in device.platform.name.lower()
    return Target(
        cpu=cpu,
        group=min(256, device.max_work_group_size),
        lanes=16 if cpu else min(64, device.max_work_group_size),
        local_bytes=min(32768, device.local_mem_size),
        vector=min(8 if pocl else 16, max(1, device.native_vector_width_float)) if cpu else 1,  # PoCL dies of float16
        units=device.max_compute_units * (4 if cpu else 16),
        f64="cl_khr_fp64" in device.extensions,
        fused=not pocl,
    )


def _options(device: Any, target: Target) -> tuple[str, ...]:
    """Intel's vectoriser makes loads under a condition two to four times slower where pointers are `restrict`."""
    return (
        ("-DHAVE_F64",) * target.f64
        + ("-DOWN_MATH", "-DRESTRICT=") * target.cpu
        + ("-DSLOW_FMA",) * (not target.fused)
        + ("-cl-std=CL1.2",)
    )
