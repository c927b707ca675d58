"""Philox4x32-10, the counter-based generator behind every random number.

Source: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), and its Random123 test vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["philox4x32", "philox_words"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_MASK = 0xFFFFFFFF


def philox4x32(counter: Any, key: int, rounds: int = 10) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The four words of each block.

    * `counter`: array (4, n) of 32-bit words, lowest first.
    * `key`: 64 bits, the low half first.

    Returns an array (4, n) of u32.
    """
    c = [np.array(w, dtype=np.uint64) for w in counter]
    k0, k1 = key & _MASK, key >> 32 & _MASK
    for _ in range(rounds):
        p0, p1 = c[0] * _M0, c[2] * _M1
        c = [(p1 >> _SHIFT) ^ c[1] ^ np.uint64(k0), p1 & _LOW, (p0 >> _SHIFT) ^ c[3] ^ np.uint64(k1), p0 & _LOW]
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return np.stack(c).astype(np.uint32)


def philox_words(key: int, counter: int, count: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """`count` words: word i is word (i mod 4) of block `counter` + i div 4; the 64-bit counter fills the two low words."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64) + np.uint64(counter & 0xFFFFFFFFFFFFFFFF)
    zero = np.zeros_like(blocks)
    words = philox4x32((blocks & _LOW, blocks >> _SHIFT, zero, zero), key)
    return np.ascontiguousarray(words.T).reshape(-1)[:count]
