"""NumPy and DLPack: shared memory where it can be shared, a right copy or an error where it cannot."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx

DEV = dfdx.device("cpu")
SHARED = [n for n in dfdx.DTYPES if not n.startswith("amp")]


def ramp(name, *shape):
    n = int(np.prod(shape))
    return (np.arange(n).reshape(shape) % 2).astype(dfdx.DTYPES[name].numpy)


@pytest.mark.parametrize("name", SHARED)
def test_every_dtype_is_shared_with_numpy_both_ways(name):
    a = ramp(name, 3, 4)
    t = dfdx.from_dlpack(a)
    assert np.shares_memory(t.storage, a) and t.dtype is dfdx.DTYPES[name] and np.array_equal(t.array(), a)
    shared = np.asarray(t)
    assert np.shares_memory(shared, a) and shared.dtype == a.dtype and not shared.flags.writeable
    if name != "bf16":  # NumPy cannot name it in DLPack
        out = np.from_dlpack(t)
        assert np.shares_memory(out, a) and not out.flags.writeable


@pytest.mark.parametrize("name", SHARED)
def test_every_dtype_is_shared_with_torch_both_ways(name):
    torch = pytest.importorskip("torch")
    t = DEV.tensor(ramp(name, 2, 3))
    out = torch.from_dlpack(t)
    assert out.data_ptr() == t.storage.__array_interface__["data"][0] and out.shape == (2, 3)
    kind = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "bool": torch.bool}
    assert out.dtype is kind.get(name, out.dtype) and out.tolist() == t.tolist()
    back = dfdx.from_dlpack(out)
    assert back.dtype is t.dtype and np.shares_memory(back.storage, t.storage) and back.tolist() == t.tolist()


def test_memory_is_shared_with_jax_both_ways():
    jax = pytest.importorskip("jax")
    theirs = jax.numpy.arange(12.0).reshape(3, 4)
    t = dfdx.from_dlpack(theirs)
    assert t.storage.__array_interface__["data"][0] == theirs.unsafe_buffer_pointer() and t.tolist() == theirs.tolist()
    room = np.zeros(16 + 12, np.float32)  # JAX takes over what is aligned to 64 bytes, and copies the rest
    start = -room.__array_interface__["data"][0] % 64 // 4
    aligned = room[start : start + 12].reshape(3, 4)
    back = jax.dlpack.from_dlpack(dfdx.from_dlpack(aligned))
    assert back.unsafe_buffer_pointer() == aligned.__array_interface__["data"][0]
    for name in ("bf16", "f16", "f32", "i32", "u8", "bool"):
        x = DEV.tensor(ramp(name, 2, 3))
        for y in (jax.numpy.asarray(x), jax.dlpack.from_dlpack(x)):
            assert y.tolist() == x.tolist() and dfdx.from_dlpack(y).dtype is x.dtype


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 4), max_size=4), st.sampled_from(["f32", "f64", "bf16", "i32"]), st.data())
def test_strided_memory_is_shared_and_computed_with(shape, name, data):
    """Reversed, stepped, permuted and broadcast arrays."""
    a = ramp(name, *shape)
    for axis in range(a.ndim):
        step = data.draw(st.sampled_from([1, 2, -1, -2]))
        a = a[(slice(None),) * axis + (slice(None, None, step),)]
    a = a.transpose(data.draw(st.permutations(range(a.ndim))))
    if a.ndim < 4 and data.draw(st.booleans()):
        a = np.broadcast_to(a, (2, *a.shape))
    a = np.asarray(a)
    t = dfdx.from_dlpack(a)
    assert t.shape == a.shape and (not a.size or np.shares_memory(t.storage, a))
    exact = a.astype(np.float64)
    np.testing.assert_array_equal((t + t).array().astype(np.float64), exact * 2)
    np.testing.assert_array_equal(t.sum().to_dtype("f64").array(), exact.sum())
    np.testing.assert_array_equal(t.reshape((a.size,)).array(), a.reshape(-1))
    np.testing.assert_array_equal(t.array(), a)


def test_a_copy_where_memory_cannot_be_shared():
    t = DEV.tensor([1.5, 2.5])
    assert np.asarray(t, np.float64).dtype == np.float64 and not np.shares_memory(np.array(t), t.storage)
    assert np.array(t).flags.writeable and np.asarray(DEV.zeros((0, 2))).shape == (0, 2)
    with pytest.raises(ValueError, match="cannot be shared without a copy"):
        np.asarray(t, np.float64, copy=False)
    assert np.asarray(t, copy=False)[0] == 1.5
    from_elsewhere = dfdx.device("cpu").tensor(np.array([1, 2], ">i4"))  # another byte order
    assert from_elsewhere.tolist() == [1, 2]


def test_memory_of_others_is_read():
    a = np.arange(3.0)
    if np.from_dlpack(a).flags.writeable:  # since NumPy 2.3: before, what it reads is read-only
        t = dfdx.from_dlpack(a)
        t.axpy(2.0, t, 0.0)
    else:
        a *= 2.0
    assert a.tolist() == [0.0, 2.0, 4.0]  # shared is shared
    a.flags.writeable = False
    t = dfdx.from_dlpack(a)
    with pytest.raises(dfdx.TapeError, match=r"\[axpy\].*view"):
        t.axpy(2.0, t, 0.0)
    assert a.tolist() == [0.0, 2.0, 4.0] and (t + 1.0).tolist() == [1.0, 3.0, 5.0]
    assert t.traced().square().sum().backward().get(t).tolist() == [0.0, 4.0, 8.0]


def test_torch_bf16_becomes_a_tensor():
    torch = pytest.importorskip("torch")
    t = torch.tensor([[1.0, 2.5], [3.0, -4.0]], dtype=torch.bfloat16).T
    assert dfdx.from_dlpack(t).tolist() == DEV.tensor(t).tolist() == [[1.0, 3.0], [2.5, -4.0]]
    assert DEV.tensor(t).dtype is dfdx.bf16 and DEV.tensor(t).storage.dtype == ml_dtypes.bfloat16
    assert torch.from_dlpack(DEV.ones((0, 2), "bf16")).shape == (0, 2)
    assert torch.from_dlpack(DEV.tensor([1.0, 2.0]).to_dtype("bf16").broadcast_to((2, 2), 0)).tolist() == [
        [1, 2],
        [1, 2],
    ]


def test_what_is_refused():
    torch = pytest.importorskip("torch")
    for source, error in [
        ([1, 2], TypeError), (np.zeros(2, complex), dfdx.DTypeError), (np.zeros((1,) * 7), dfdx.ShapeError),
        (torch.ones(2, requires_grad=True), BufferError), (dfdx.device("null").zeros((2,)), TypeError),
    ]:  # fmt: skip
        with pytest.raises(error):
            dfdx.from_dlpack(source)


def test_in_place_values():
    x = DEV.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.copy_from([[5.0, 6.0], [7.0, 8.0]]).as_vec() == [5.0, 6.0, 7.0, 8.0] and x.T.as_vec() == [
        5.0,
        7.0,
        6.0,
        8.0,
    ]
    assert x.copy_from(x.T).tolist() == [[5.0, 7.0], [6.0, 8.0]]
    target = np.zeros((2, 2), np.float64)
    assert x.T.copy_into(target) is target and target.tolist() == [[5.0, 6.0], [7.0, 8.0]]
    assert x.fill_with_zeros().tolist() == [[0.0, 0.0]] * 2 and x.fill_with_ones().tolist() == [[1.0, 1.0]] * 2
    dev = dfdx.device("cpu", seed=4)
    y = dev.zeros((3,))
    assert y.fill_with_distr("normal").tolist() == dfdx.device("cpu", seed=4).sample_normal((3,)).tolist()
    assert set(dev.zeros((9,), "i32").fill_with_distr("integers", 2, 4).tolist()) == {2, 3}
    assert dfdx.axpy(x, 2.0, x, 3.0).tolist() == [[5.0, 5.0]] * 2 and x.tolist() == [[1.0, 1.0]] * 2
    for call in (lambda: x.copy_from(np.zeros(3)), lambda: x.copy_into(np.zeros(3))):
        with pytest.raises(dfdx.ShapeError):
            call()
    loss = (x.traced() * x).sum()
    x.fill_with_zeros()
    with pytest.raises(dfdx.TapeError, match="overwritten by .fill_with_zeros"):
        loss.backward()
    with pytest.raises(dfdx.TapeError, match="was recorded"):
        x.traced().fill_with_ones()
