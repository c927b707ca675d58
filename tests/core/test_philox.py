"""Philox4x32-10 against the published vectors and a slow reference in Python integers; what draws make of its words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx.core.philox import philox4x32, philox_words

# kat_vectors of Random123, lines `philox4x32 10`: counter, key (low word first), result
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


def numbers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def reference(counter: list[int], key: int, rounds: int = 10) -> list[int]:
    """One block, as the paper writes it."""
    c0, c1, c2, c3 = counter
    k0, k1 = key % 2**32, key // 2**32
    for _ in range(rounds):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = p1 // 2**32 ^ c1 ^ k0, p1 % 2**32, p0 // 2**32 ^ c3 ^ k1, p0 % 2**32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


def reference_word(key: int, counter: int, i: int) -> int:
    block = (counter + i // 4) % 2**64
    return reference([block % 2**32, block // 2**32, 0, 0], key)[i % 4]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    low, high = numbers(key)
    column = [[c] for c in numbers(counter)]
    assert philox4x32(column, high << 32 | low)[:, 0].tolist() == numbers(expected)
    assert reference(numbers(counter), high << 32 | low) == numbers(expected)


@given(st.lists(st.tuples(U32, U32, U32, U32), min_size=1, max_size=9), U64, st.integers(1, 12))
def test_many_blocks_at_once(counters, key, rounds):
    got = philox4x32(np.array(counters).T, key, rounds)
    assert got.dtype == np.uint32 and got.shape == (4, len(counters))
    assert got.T.tolist() == [reference(list(c), key, rounds) for c in counters]


@given(U64, U64 | st.integers(2**32 - 3, 2**32) | st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 25))
def test_words_lie_in_order_and_the_counter_carries(key, counter, count):
    assert philox_words(key, counter, count).tolist() == [reference_word(key, counter, i) for i in range(count)]


@given(U64, U64, st.integers(0, 8), st.integers(0, 40))
def test_a_later_counter_is_a_later_part_of_the_same_words(key, counter, blocks, count):
    whole = philox_words(key, counter, 4 * blocks + count)
    np.testing.assert_array_equal(philox_words(key, counter + blocks, count), whole[4 * blocks :])


def test_long_draws_across_chunks():
    count = 4 * 16384 * 2 + 7
    words = philox_words(11, 2**32 - 20000, count)
    assert words.shape == (count,) and words.flags.c_contiguous
    for i in (0, 65535, 65536, 79999, 80000, 131071, 131072, count - 1):
        assert words[i] == reference_word(11, 2**32 - 20000, i)


def test_the_callers_counter_is_left_alone():
    counter = np.zeros((4, 3), np.uint64)
    philox4x32(counter, 5)
    assert not counter.any()


# ----- what a device's draws make of the words


@settings(max_examples=20, deadline=None)
@given(U64, st.integers(1, 33))
def test_f32_uniform_is_the_top_24_bits(seed, n):
    drawn = dfdx.device("cpu", seed=seed).sample_uniform((n,)).array()
    assert drawn.tolist() == [(reference_word(seed, 0, i) >> 8) / 2**24 for i in range(n)]


@settings(max_examples=20, deadline=None)
@given(U64, st.integers(1, 17))
def test_f64_uniform_is_53_bits_of_two_words(seed, n):
    drawn = dfdx.device("cpu", seed=seed).sample_uniform((n,), dfdx.f64).array()
    words = [reference_word(seed, 0, i) for i in range(2 * n)]
    assert drawn.tolist() == [((hi >> 5) * 2**26 + (lo >> 6)) / 2**53 for hi, lo in zip(words[0::2], words[1::2])]


@pytest.mark.parametrize(("dtype", "bits", "ulps"), [(dfdx.f32, 24, 8), (dfdx.f64, 32, 8)])
def test_normals_are_box_muller(dtype, bits, ulps):
    n = 1000
    drawn = dfdx.device("cpu", seed=3).sample_normal((n,), dtype).array()
    words = philox_words(3, 0, 2 * n) >> np.uint32(32 - bits)
    u1, u2 = (words[0::2] + 1.0) / 2.0**bits, words[1::2] / 2.0**bits
    radius = np.sqrt(-2.0 * np.log(u1))
    # near its zeros the cosine has the absolute error of its rounded argument, up to 2 pi
    assert np.all(
        np.abs(drawn - radius * np.cos(2.0 * math.pi * u2)) <= ulps * float(np.finfo(drawn.dtype).eps) * radius + 1e-30
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "blocks"),
    [((1,), "f32", 1), ((4,), "f32", 1), ((5,), "f32", 2), ((3, 3), "f64", 5), ((0,), "f32", 0)],
)
def test_a_draw_advances_the_counter_by_its_blocks(shape, dtype, blocks):
    dev = dfdx.device("cpu", seed=9)
    dev.sample_uniform(shape, getattr(dfdx, dtype))
    assert dev.sample_uniform((8,)).tolist() == [(reference_word(9, blocks, i) >> 8) / 2**24 for i in range(8)]


def test_moments():
    dev = dfdx.device("cpu", seed=4)
    u, z = dev.sample_uniform((100_000,)).array(), dev.sample_normal((100_000,)).array()
    assert u.min() >= 0.0 and u.max() < 1.0 and abs(u.mean() - 0.5) < 0.005 and abs(u.var() - 1 / 12) < 0.002
    assert abs(z.mean()) < 0.015 and abs(z.std() - 1.0) < 0.01 and abs((z**4).mean() - 3.0) < 0.15
