"""Philox4x32-10 in whatever 64-bit integer the library has; products wrap, and only their halves are looked at.

Source: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

from typing import Any

from ...core.contract import i64, u32, u64
from .namespace import Namespace

_LOW = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def _halves(space: Namespace, value: Any, work: Any) -> tuple[Any, Any]:
    """The low and the high 32 bits of a seed, as arrays of rank 0."""
    if isinstance(value, int):
        return tuple(space.xp.asarray(v, dtype=work, device=space.device) for v in (value & _LOW, value >> 32 & _LOW))  # type: ignore[return-value]
    value = space.xp.asarray(value, dtype=work)
    return value & _LOW, (value >> 32) & _LOW


def words(space: Namespace, key: Any, counter: Any, count: int) -> Any:
    """`count` words, in the dtype in which u32 computes: word i is word i mod 4 of block `counter` + i div 4."""
    xp, blocks = space.xp, (count + 3) // 4
    work = space.dtype(u64 if space.computes(u64) is u64 and u64 in space.dtypes else i64)
    keys = list(_halves(space, key, work))
    low, high = _halves(space, counter, work)
    start = low + space.arange(blocks, work)
    zero = xp.zeros_like(start)
    lanes = [start & _LOW, (high + (start >> 32)) & _LOW, zero, zero]
    for _ in range(10):
        p, q = lanes[0] * _MULTIPLIERS[0], lanes[2] * _MULTIPLIERS[1]
        lanes = [((q >> 32) & _LOW) ^ lanes[1] ^ keys[0], q & _LOW, ((p >> 32) & _LOW) ^ lanes[3] ^ keys[1], p & _LOW]
        keys = [(k + w) & _LOW for k, w in zip(keys, _WEYL, strict=True)]
    flat = xp.reshape(xp.stack(lanes, axis=1), (4 * blocks,))[:count]
    return xp.astype(flat, space.dtype(space.computes(u32)))


def register(registry: Any, space: Namespace) -> None:
    def random_bits(sig: Any, *, count: int) -> Any:
        run = space.compile(lambda key, counter: space.narrow(words(space, key, counter, count), u32))
        return space.guard(lambda key, counter: run(space.seed(key), space.seed(counter)))

    registry.kernel("random_bits", specialize=True, base=True)(space.guard(random_bits))
