"""Philox4x32-10 over lanes. Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011)."""

from __future__ import annotations

from .ir import Function, V, lanes, vec

__all__ = ["philox_lanes"]

_M, _W = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)


def _multiply(b: Function, x: V, m: int) -> tuple[V, V]:
    """High and low words of 32-bit x times a constant."""
    n = lanes(x.type)
    wide = b.convert("zext", x, vec("i64", n)) * m
    return b.convert("trunc", wide >> 32, x.type), b.convert("trunc", wide, x.type)


def philox_lanes(b: Function, key: V, counter: V, i: V, width: int) -> V:
    """Word (e mod 4) of block counter + e div 4 for the elements e = i, i + 1, ...; i and width are multiples of 4."""
    n = width // 4
    lane = V(b, vec("i64", n), f"<{', '.join(f'i64 {k}' for k in range(n))}>")
    block = (counter + (i >> 2)).splat(n) + lane
    narrow = vec("i32", n)
    x = [
        b.convert("trunc", block, narrow),
        b.convert("trunc", block >> 32, narrow),
        b.const(0, narrow),
        b.const(0, narrow),
    ]
    keys = [b.convert("trunc", key, "i32"), b.convert("trunc", key >> 32, "i32")]
    for _ in range(10):
        h0, l0 = _multiply(b, x[0], _M[0])
        h1, l1 = _multiply(b, x[2], _M[1])
        x = [h1 ^ x[1] ^ keys[0].splat(n), l1, h0 ^ x[3] ^ keys[1].splat(n), l0]
        keys = [k + w for k, w in zip(keys, _W, strict=True)]
    pairs = [b.shuffle(x[0], x[1], list(range(2 * n))), b.shuffle(x[2], x[3], list(range(2 * n)))]
    order = [word * n + k for k in range(n) for word in range(4)]
    return b.shuffle(pairs[0], pairs[1], order)
