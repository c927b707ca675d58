"""Tensors as values: making, reading, views, empties, dtypes, interchange, randomness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx.core.philox import philox4x32, philox_words

DEV = dfdx.device("cpu")


def test_random123_vectors():
    """kat_vectors of Random123, philox4x32-10."""
    for counter, key, expected in [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 0xFFFFFFFFFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ]:
        assert tuple(philox4x32([[c] for c in counter], key)[:, 0]) == expected


def test_words_lie_as_promised():
    words = philox_words(7, 2**32 - 1, 9)
    for i in (0, 3, 4, 8):
        block = 2**32 - 1 + i // 4
        assert words[i] == philox4x32([[block & 0xFFFFFFFF], [block >> 32], [0], [0]], 7)[i % 4, 0]


def test_uniform_is_the_top_24_bits_and_advances_the_counter():
    dev = dfdx.device("cpu", seed=5)
    first, second = dev.sample_uniform((5,)), dev.sample_uniform((3,))
    np.testing.assert_array_equal(first.array(), (philox_words(5, 0, 5) >> 8).astype(np.float32) * np.float32(2**-24))
    np.testing.assert_array_equal(second.array(), (philox_words(5, 2, 3) >> 8).astype(np.float32) * np.float32(2**-24))


def test_seeds():
    a, b = dfdx.device("cpu", seed=1), dfdx.device("cpu", seed=1)
    assert a == b and a is not b and a.sample_normal((4,)).tolist() == b.sample_normal((4,)).tolist()
    assert dfdx.device("cpu") is DEV and (a.ones((1,)) + DEV.ones((1,))).device is a
    draw = a.sample_uniform((3,)).tolist()
    a.seed(1)
    a.sample_normal((4,))
    assert a.sample_uniform((3,)).tolist() == draw


def test_moments():
    dev = dfdx.device("cpu", seed=0)
    for dtype in (dfdx.f32, dfdx.f64):
        n, u = dev.sample_normal((100_000,), dtype).array(), dev.sample_uniform((100_000,), dtype).array()
        assert abs(n.mean()) < 0.02 and abs(n.std() - 1) < 0.02 and np.isfinite(n).all()
        assert abs(u.mean() - 0.5) < 0.01 and u.min() >= 0 and u.max() < 1
    k = dev.sample((10_000,), "integers", -3, 4).array()
    assert set(np.unique(k)) == set(range(-3, 4))


def test_dropout_drops_the_same_in_both_passes():
    dev = dfdx.device("cpu", seed=3)
    x = dev.ones((1000,))
    grads = dfdx.Gradients.leaky()
    y = x.traced(grads).dropout(0.25)
    kept = y.array()
    y.sum().backward()
    np.testing.assert_array_equal(grads.get(x).array(), kept)
    assert set(np.unique(kept)) == {0.0, np.float32(1 / 0.75)} and abs((kept == 0).mean() - 0.25) < 0.05
    assert x.dropout(1.0).sum().item() == 0.0


def test_constructors():
    assert DEV.arange(2, 8, 2).tolist() == [2, 4, 6] and DEV.arange(1.0).dtype is dfdx.f32
    np.testing.assert_array_equal(DEV.eye(2, 3).array(), np.eye(2, 3))
    np.testing.assert_allclose(DEV.linspace(0.0, 1.0, 5).array(), np.linspace(0, 1, 5))
    np.testing.assert_array_equal(DEV.upper_tri((2, 3, 4), 2.0, 1).array(), np.triu(np.full((2, 3, 4), 2.0), 1))
    np.testing.assert_array_equal(DEV.lower_tri((3, 4), 2, -1, dfdx.i32).array(), np.tril(np.full((3, 4), 2), -1))
    assert DEV.one_hot_encode([1, 5], 3).tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert (
        DEV.tensor([1, 2]).dtype is dfdx.i64
        and DEV.tensor(1.5).dtype is dfdx.f32
        and DEV.tensor([True]).dtype is dfdx.bool
    )
    assert DEV.tensor(np.ones(2)).dtype is dfdx.f64


@pytest.mark.parametrize("name", dfdx.DTYPES)
def test_every_dtype_round_trips(name):
    dtype = dfdx.DTYPES[name]
    t = DEV.tensor([0, 1, 1], dtype) if dtype is not dfdx.bool else DEV.tensor([False, True, True])
    assert t.dtype is dtype and [int(v) for v in t.tolist()] == [0, 1, 1] and t.clone().tolist() == t.tolist()
    assert t.storage.dtype == dtype.numpy and name in repr(t)


def test_casts_saturate():
    x = DEV.tensor([1.9, -1.9, 300.0, -300.0, np.nan, np.inf, -np.inf], dfdx.f64)
    assert x.to_dtype(dfdx.i8).tolist() == [1, -1, 127, -128, 0, 127, -128]
    assert x.to_dtype(dfdx.u8).tolist() == [1, 0, 255, 0, 0, 255, 0]
    assert x.to_dtype(dfdx.i64).tolist()[-2:] == [2**63 - 1, -(2**63)]
    assert DEV.tensor([0.0, 2.0]).to_dtype(dfdx.bool).tolist() == [False, True]


def test_cast_and_device_moves_are_recorded():
    x = DEV.tensor([1.0, 2.0])
    grads = (x.traced().to_dtype(dfdx.f64) ** 2).sum().backward()
    assert grads.get(x).dtype is dfdx.f32 and grads.get(x).tolist() == [2.0, 4.0]
    grads = (x.traced().to_device("cpu") * 3.0).sum().backward()
    assert grads.get(x).tolist() == [3.0, 3.0]


def test_empty_tensors():
    e = DEV.zeros((0, 3))
    assert e.sum(0).tolist() == [0.0, 0.0, 0.0] and e.sum().item() == 0.0 and e.prod().item() == 1.0
    assert np.isnan(e.mean().item()) and e.exp().shape == (0, 3) and (e + e).numel == 0
    assert (e @ DEV.zeros((3, 2))).shape == (0, 2) and (DEV.zeros((2, 0)) @ DEV.zeros((0, 3))).tolist() == [
        [0.0] * 3
    ] * 2
    assert dfdx.concat([e, DEV.ones((1, 3))]).tolist() == [[1.0, 1.0, 1.0]] and e.array().shape == (0, 3)
    assert (
        DEV.ones((2, 3))[:, 3:].shape == (2, 0)
        and e.softmax(0).shape == (0, 3)
        and repr(e) == "tensor([], f32[0, 3] on cpu)"
    )
    grads = dfdx.concat([e.traced(), DEV.ones((1, 3))]).sum().backward()
    assert grads.get(e).shape == (0, 3)


def test_numpy_and_dlpack_share_memory():
    t = DEV.tensor([[1.0, 2.0], [3.0, 4.0]])
    shared = np.asarray(t)
    assert np.shares_memory(shared, t.storage) and not shared.flags.writeable
    assert not np.shares_memory(t.array(), t.storage) and t.array().flags.writeable
    assert np.shares_memory(np.from_dlpack(t), t.storage)
    source = np.arange(3.0)
    assert np.shares_memory(dfdx.from_dlpack(source).storage, source)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, dtype=np.float64, copy=False)


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    source = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    t = dfdx.from_dlpack(source)
    source[0, 0] = 9.0
    assert t.tolist() == [[9.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert torch.from_dlpack(DEV.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_integers_and_logic():
    a, b = DEV.tensor([1, 200], dfdx.u8), DEV.tensor([2, 100], dfdx.u8)
    assert (a + b).tolist() == [3, 44] and (a * 2).tolist() == [2, 144] and (a > b).tolist() == [False, True]
    assert (a & b).tolist() == [0, 64] and (~DEV.tensor([True, False])).tolist() == [False, True]
    p, q = DEV.tensor([True, False]), DEV.tensor([True, True])
    assert (
        ((p | q) ^ p).tolist() == [False, True] and p.any().item() and not p.all().item() and p.sum().dtype is dfdx.i64
    )
    assert (DEV.tensor([[1, 2], [3, 4]]) @ DEV.tensor([[1, 0], [0, 1]])).tolist() == [[1, 2], [3, 4]]


def test_python_protocols():
    t = DEV.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2 and [r.tolist() for r in t] == [[1.0, 2.0], [3.0, 4.0]] and float(t[0, 0]) == 1.0
    assert bool(DEV.tensor(1.0)) and abs(-t).tolist() == t.tolist() and {t: 1}[t] == 1 and t.T.shape == (2, 2)
    assert "Rank" not in repr(dfdx.Tensor[tuple[int], dfdx.f32])


def test_repr():
    assert repr(DEV.tensor([1.0, 2.5])) == "tensor([1. , 2.5], f32[2] on cpu)"
    assert repr(DEV.tensor(1.0).traced()) == "tensor(1., f32[] on cpu, owns a tape)"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=0, max_size=4), st.data())
def test_permute_round_trip_and_views_agree_with_numpy(shape, data):
    a = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    t = DEV.tensor(a)
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    back = tuple(np.argsort(axes)) if axes else ()
    np.testing.assert_array_equal(t.permute(axes).array(), a.transpose(axes))
    np.testing.assert_array_equal(t.permute(axes).permute(back).array(), a)
    np.testing.assert_array_equal(t.permute(axes).reshape((a.size,)).array(), a.transpose(axes).reshape(-1))
    np.testing.assert_array_equal((t.permute(axes) * 0.5 + 1.0).array(), a.transpose(axes) * 0.5 + 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 7), st.integers(-8, 8), st.integers(-8, 8), st.integers(1, 3))
def test_slices_agree_with_numpy(n, start, stop, step):
    a = np.arange(n, dtype=np.float32)
    np.testing.assert_array_equal(DEV.tensor(a)[start:stop:step].array(), a[start:stop:step])


def test_no_warning_and_the_error_state_is_untouched():
    with np.errstate(all="raise"):
        x = DEV.tensor([0.0, -1.0, 1e38])
        assert np.isinf((1.0 / x).array()[0]) and np.isnan(x.sqrt().array()[1]) and np.isinf((x * 1e10).array()[2])
        assert np.geterr()["divide"] == "raise"


def test_a_forked_child_may_use_the_cpu():
    import os

    x = DEV.ones((3,))
    child = os.fork()
    if child == 0:
        os._exit(0 if (x + x).tolist() == [2.0, 2.0, 2.0] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_numpy_leaves_operators_to_tensors():
    t = DEV.ones((2, 3))
    assert isinstance(np.float32(2.0) * t, dfdx.Tensor)
    assert (np.float32(2.0) - t.traced()).owns_tape
    with pytest.raises(TypeError):
        np.ones((2, 3), np.float32) + t
    with pytest.raises(TypeError):
        np.exp(t)
