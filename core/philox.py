"""Philox4x32-10, the counter-based generator behind every random number.

What a draw makes of the words (`core/ops/make.py` writes it as expressions, so it holds on every device):

* f32 uniform: the top 24 bits of word i, times 2^-24.
* f64 uniform: 53 bits; the top 27 of word 2i, then the top 26 of word 2i + 1.
* normal: Box-Muller, sqrt(-2 ln u1) cos(2 pi u2), with u1 in (0, 1] from word 2i and u2 in [0, 1) from word 2i + 1.

A draw of n words advances the device's counter by ceil(n / 4), so draws never share a block.

Source: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), and its Random123 test vectors.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["philox4x32", "philox_words"]

Words = np.ndarray[Any, np.dtype[np.uint32]]
_U64 = np.ndarray[Any, np.dtype[np.uint64]]

_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], np.uint64)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_CHUNK = 16384  # blocks at a time: the working set stays in cache


def philox4x32(counter: Any, key: int, rounds: int = 10) -> Words:
    """The four words of each block.

    * `counter`: array (4, n) of 32-bit words, lowest first.
    * `key`: 64 bits, the low half first.

    Returns an array (4, n) of u32.

    >>> from dfdx.core.philox import philox4x32
    >>> [f"{word:08x}" for word in philox4x32([[0], [0], [0], [0]], key=0)[:, 0]]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    words = np.array(counter, np.uint64)
    _mix(words[0::2], words[1::2], key, rounds)
    return words.astype(np.uint32)


def philox_words(key: int, counter: int, count: int) -> Words:
    """`count` words: word i is word (i mod 4) of block `counter` + i div 4.

    * `key`, `counter`: 64 bits each; the counter fills the two low words of a block's and wraps.
    """
    blocks = (count + 3) // 4
    out = np.empty((blocks, 4), np.uint32)
    for start in range(0, blocks, _CHUNK):
        n = min(_CHUNK, blocks - start)
        at = np.arange(n, dtype=np.uint64) + np.uint64(counter + start & 0xFFFFFFFFFFFFFFFF)
        even, odd = np.zeros((2, 2, n), np.uint64)
        even[0], odd[0] = at & _LOW, at >> _SHIFT
        _mix(even, odd, key, 10)
        out[start : start + n, 0::2], out[start : start + n, 1::2] = even.T, odd.T
    return out.reshape(-1)[:count]


def _mix(even: _U64, odd: _U64, key: int, rounds: int) -> None:
    """The rounds, in place, on words 0, 2 and words 1, 3 of each block; both lanes share a ufunc call."""
    product = np.empty_like(even)
    crossed = product[::-1]  # each lane takes the other's product
    for k in _keys(key, rounds):
        np.multiply(even, _MULTIPLIERS, out=product)
        np.right_shift(crossed, _SHIFT, out=even)
        np.bitwise_xor(even, odd, out=even)
        np.bitwise_xor(even, k, out=even)
        np.bitwise_and(crossed, _LOW, out=odd)


@lru_cache(64)
def _keys(key: int, rounds: int) -> list[_U64]:
    """The key of each round, (2, 1)."""
    halves = (key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF)
    return [np.array([[h + i * w & 0xFFFFFFFF] for h, w in zip(halves, _WEYL)], np.uint64) for i in range(rounds)]
