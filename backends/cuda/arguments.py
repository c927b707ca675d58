"""The arguments of a launch as the driver wants them: a block of memory, and the address of each argument in it.

Nothing here calls CUDA, so it is tested without a device.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

from ..clike.engine import Launch
from ..clike.types import packer, register_type

__all__ = ["Arguments"]

# slots of 8 bytes, little-endian: the value, then padding
_SLOTS = {"b1": "i4x", "f32": "f4x", "f64": "d", "i8": "b7x", "i16": "h6x", "i32": "i4x", "i64": "q",
          "u8": "B7x", "u16": "H6x", "u32": "I4x", "u64": "Q"}  # fmt: skip


class Arguments:
    """Pointers, scalars and the struct of offsets and layout numbers of one launch, filled anew for each call.

    `address` is that of the array of argument addresses, as `cuLaunchKernel` takes it; the driver copies what it points to
    before the launch returns.
    """

    def __init__(self, launch: Launch, n_arrays: int) -> None:
        scalars, numbers = launch.source.scalars, launch.numbers
        self.n, self._packers = n_arrays, [packer(d) for d in scalars]
        formats = "".join(_SLOTS[register_type(d)] for d in scalars)
        self._front = struct.Struct(f"<{n_arrays}Q{formats}{n_arrays}q")
        self._block = ctypes.create_string_buffer(self._front.size + 8 * len(numbers))
        struct.pack_into(f"<{len(numbers)}q", self._block, self._front.size, *numbers)
        start, slots = ctypes.addressof(self._block), n_arrays + len(scalars) + 1  # the struct is the last argument
        self._addresses = (ctypes.c_void_p * slots)(*[start + 8 * i for i in range(slots)])
        self.address = ctypes.addressof(self._addresses)

    def fill(self, pointers: Sequence[int], scalars: Sequence[Any], offsets: Sequence[int]) -> None:
        """Write the values of one call."""
        try:
            self._front.pack_into(self._block, 0, *pointers, *scalars, *offsets)
        except (struct.error, OverflowError):  # a number out of its dtype's range: wrap or overflow as NumPy does
            packed = [pack(v) for pack, v in zip(self._packers, scalars, strict=True)]
            slots = [p.ljust(8, b"\0") for p in packed]
            parts = (struct.pack(f"<{self.n}Q", *pointers), *slots, struct.pack(f"<{self.n}q", *offsets))
            ctypes.memmove(self._block, b"".join(parts), self._front.size)

    @property
    def block(self) -> bytes:
        """What the driver will see."""
        return self._block.raw
