"""The driver: CuPy's memory pool, modules and cuBLAS handle, on one device and the current stream (in order by default)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import cupy
from cupy.cuda import runtime
from cupy_backends.cuda.api import driver

from ...core.contract import OutOfMemoryError, cache_folder
from ..clike.array import Array
from ..clike.engine import Engine, Launch, Source, Target, whole
from ..clike.memory import Copier
from ..clike.tune import Tuner
from . import OPTIONS, graphs
from .arguments import Arguments
from .gemm import Product

__all__ = ["CudaEngine"]

MAX_GROUPS = (2**31 - 1, 65535, 65535)
_ident = threading.get_ident


class CudaEngine(Engine):
    """An opened device; core asks the same object for memory statistics and the like.

    `allow_tf32` lets f32 products round their inputs to 10 bits, as `torch.backends.cuda.matmul.allow_tf32`; it is set
    by DFDX_TF32=1 when the device is opened, and can be changed: `dfdx.device("cuda").runtime.allow_tf32 = True`.
    """

    fork_safe = False

    def __init__(self, index: int) -> None:
        self.index, self.pid = index, os.getpid()
        self.allow_tf32 = os.environ.get("DFDX_TF32") == "1"
        with cupy.cuda.Device(index):
            properties = runtime.getDeviceProperties(index)
            self.name = properties["name"].decode()
            self.compute_capability = (properties["major"], properties["minor"])
            self.pool = cupy.cuda.MemoryPool()
        self.target = Target(
            cpu=False, group=256, lanes=32, local_bytes=32768, vector=1, units=8 * properties["multiProcessorCount"]
        )
        self._malloc: Callable[[int], Any] = self.pool.malloc
        self._private: dict[int, Any] = {}  # pools of the threads that capture a graph
        self.graphs: WeakSet[graphs.Graphed] = WeakSet()
        self._modules: dict[Source, tuple[Any, int]] = {}
        self.copier = Copier(self)
        self.tuner = Tuner(cache_folder("cuda"), f"{self.name} {runtime.driverGetVersion()}")

    def enter(self) -> None:
        """Make this device the thread's current one."""
        if runtime.getDevice() != self.index:
            runtime.setDevice(self.index)

    # ----- memory

    def allocate(self, nbytes: int) -> Any:
        self.enter()
        if self._private and _ident() in self._private:
            return self._private[_ident()].malloc(nbytes)
        try:
            return self._malloc(nbytes)
        except cupy.cuda.memory.OutOfMemoryError:
            self.synchronize()
            self.pool.free_all_blocks()
        try:
            return self._malloc(nbytes)
        except cupy.cuda.memory.OutOfMemoryError:
            free, total = runtime.memGetInfo()
            raise OutOfMemoryError(
                f"[allocate] {nbytes} bytes do not fit: {self.name} has {total} bytes, of which {free} are free and "
                f"{self.pool.used_bytes()} are in use here\n  hint: smaller batches; del what is no longer needed"
            ) from None

    @contextmanager
    def allocating_from(self, pool: Any) -> Iterator[None]:
        """What this thread allocates comes from a pool of its own."""
        self._private[_ident()] = pool
        try:
            yield
        finally:
            del self._private[_ident()]

    def empty_cache(self) -> None:
        """Give freed memory back to the driver."""
        self.synchronize()
        self.pool.free_all_blocks()

    def enable_cache(self) -> None:
        """Keep freed memory for reuse."""
        self._malloc = self.pool.malloc

    def disable_cache(self) -> None:
        """Give freed memory back at once; the driver waits for the kernels that use it."""
        self.empty_cache()
        self._malloc = lambda nbytes: cupy.cuda.MemoryPointer(cupy.cuda.Memory(nbytes), 0)

    def memory_stats(self) -> dict[str, int]:
        """Bytes in use, bytes that are free but kept, and bytes that belong to captured steps."""
        held = sum(g.pool.total_bytes() for g in self.graphs)
        return {"in_use": int(self.pool.used_bytes()), "cached": int(self.pool.free_bytes()), "graphs": int(held)}

    def write(self, a: Array, host: Any) -> None:
        self._copy(
            a.buffer.ptr + a.offset * a.dtype.itemsize, host.ctypes.data, host.nbytes, runtime.memcpyHostToDevice
        )

    def read(self, a: Array, host: Any) -> None:
        self._copy(
            host.ctypes.data, a.buffer.ptr + a.offset * a.dtype.itemsize, host.nbytes, runtime.memcpyDeviceToHost
        )

    def _copy(self, target: int, source: int, nbytes: int, kind: int) -> None:
        self.enter()
        stream = cupy.cuda.get_current_stream()
        runtime.memcpyAsync(target, source, nbytes, kind, stream.ptr)
        stream.synchronize()

    def synchronize(self) -> None:
        self.enter()
        cupy.cuda.get_current_stream().synchronize()

    # ----- kernels

    def function(self, source: Source) -> int:
        """The driver's handle of a kernel; CuPy keeps compiled modules in its own cache on disk."""
        found = self._modules.get(source)
        if found is None:
            self.enter()
            module = cupy.RawModule(code=whole(source.text), options=OPTIONS, backend="nvrtc")
            kernel = module.get_function(source.name).kernel
            found = self._modules.setdefault(source, (kernel, int(kernel.ptr)))
        return found[1]

    def prepare(self, launch: Launch) -> Callable[[Sequence[Array], Sequence[Any]], None]:
        if any(n > most for n, most in zip(launch.groups, MAX_GROUPS, strict=True)):
            raise ValueError(f"[{launch.source.name}] {launch.groups} groups are more than CUDA runs at once")
        function, grid, block = self.function(launch.source), launch.groups, launch.source.group
        arguments: dict[int, Arguments] = {}  # one per thread: another's call must not overwrite them

        def call(arrays: Sequence[Array], scalars: Sequence[Any] = ()) -> None:
            thread = _ident()
            mine = arguments.get(thread)
            if mine is None:
                mine = arguments[thread] = Arguments(launch, len(arrays))
            mine.fill([a.buffer.ptr for a in arrays], scalars, [a.offset for a in arrays])
            self.enter()
            driver.launchKernel(function, *grid, *block, 0, cupy.cuda.get_current_stream().ptr, mine.address, 0)

        return call

    def fastest(self, key: str, choices: Any, arrays: Sequence[Array]) -> Any:
        return self.tuner.fastest(self, key, choices, arrays)

    def gemm(self, p: Product, pointers: Sequence[int], data: int, compute: int, alpha: int, beta: int, algorithm: int) -> None:  # fmt: skip
        """gemmStridedBatchedEx on the current stream."""
        from cupy_backends.cuda.libs import cublas

        self.enter()
        handle = cupy.cuda.device.get_cublas_handle()
        cublas.setStream(handle, cupy.cuda.get_current_stream().ptr)
        first, second = p.first, p.second
        cublas.gemmStridedBatchedEx(
            handle, first.op, second.op, p.m, p.n, p.k, alpha, pointers[0], data, first.ld, first.step, pointers[1], data,
            second.ld, second.step, beta, pointers[2], data, p.m, p.m * p.n, p.batch, compute, algorithm,
        )  # fmt: skip

    def replay(self, launches: Any, given: tuple[int, ...], wanted: tuple[int, ...]) -> Any:
        """Captured steps as CUDA graphs."""
        return graphs.replay(self, launches, given, wanted)

    def close(self) -> None:
        """Wait for what is queued and give the memory back; in a forked child there is nothing to wait for."""
        if os.getpid() == self.pid:
            self.synchronize()
            self._modules.clear()
            self.pool.free_all_blocks()
