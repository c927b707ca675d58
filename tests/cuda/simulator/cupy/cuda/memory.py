"""A pool of host memory by size, with a limit: memory that is freed is poisoned, and used again only by its own pool."""

from __future__ import annotations

import threading

import numpy as np

__all__ = ["Memory", "MemoryPointer", "MemoryPool", "OutOfMemoryError", "TOTAL", "free"]

TOTAL = 2 << 30
_lock = threading.Lock()
_taken = 0


class OutOfMemoryError(MemoryError):
    """As cudaErrorMemoryAllocation."""


def free() -> int:
    return TOTAL - _taken


class Memory:
    """A block of its own from the driver."""

    def __init__(self, size: int) -> None:
        global _taken
        with _lock:
            if size > TOTAL - _taken:
                raise OutOfMemoryError(f"{size} bytes")
            _taken += size
        self.size = size
        self.block = np.full(size + 512, 0xA5, np.uint8)
        self.ptr = self.block.ctypes.data + -self.block.ctypes.data % 512

    def __del__(self) -> None:
        global _taken
        if hasattr(self, "ptr"):
            with _lock:
                _taken -= self.size


class MemoryPointer:
    """A place in a block."""

    def __init__(self, mem: Memory | Pooled, offset: int) -> None:
        self.mem, self.ptr = mem, mem.ptr + offset


class Pooled:
    """A block that returns to its pool when nothing refers to it."""

    def __init__(self, pool: MemoryPool, memory: Memory) -> None:
        self.pool, self.memory, self.ptr = pool, memory, memory.ptr

    def __del__(self) -> None:
        self.memory.block.fill(0xA5)
        self.pool.returned(self.memory)


class MemoryPool:
    """Blocks by size, rounded to 512 bytes."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[Memory]] = {}
        self.used = 0

    def malloc(self, size: int) -> MemoryPointer:
        size = -(-size // 512) * 512
        held = self.blocks.get(size)
        memory = held.pop() if held else Memory(size)
        self.used += size
        return MemoryPointer(Pooled(self, memory), 0)

    def returned(self, memory: Memory) -> None:
        self.used -= memory.size
        self.blocks.setdefault(memory.size, []).append(memory)

    def free_all_blocks(self) -> None:
        self.blocks.clear()

    def used_bytes(self) -> int:
        return self.used

    def free_bytes(self) -> int:
        return sum(size * len(held) for size, held in self.blocks.items())

    def total_bytes(self) -> int:
        return self.used + self.free_bytes()
