"""Philox4x32-10 in plain Python integers. Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011)."""

from __future__ import annotations

__all__ = ["block", "words"]

MASK = 2**32 - 1


def block(counter: int, key: int) -> list[int]:
    """The four 32-bit words of one block."""
    c = [(counter >> (32 * i)) & MASK for i in range(4)]
    k = [key & MASK, (key >> 32) & MASK]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def words(key: int, counter: int, count: int) -> list[int]:
    """Word i is word i mod 4 of block counter + i div 4; the counter has 64 bits."""
    blocks = [block((counter + n) % 2**64, key) for n in range((count + 3) // 4)]
    return [w for b in blocks for w in b][:count]
