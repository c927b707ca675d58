"""Indices, orders, running sums and attention against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
DTYPES = [n for n in dfdx.DTYPES if not n.startswith("amp")]
AXES = [0, 1, -1]


def few(dtype, *shape):
    """Many ties, of any dtype; NaN among floats."""
    a = RNG.integers(0, 2 if dtype == "bool" else 4, shape).astype(np.float32)
    if dfdx.DTYPES[dtype].is_float:
        a.flat[::7] = np.nan
    return a


def both(dev, dtype, *shape):
    a = few(dtype, *shape)
    name = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "bool": "bool"}.get(dtype)
    name = name or dtype.replace("u", "uint").replace("i", "int") if not dtype.startswith("u") else f"uint{dtype[1:]}"
    return dev.tensor(a).to_dtype(dtype), torch.tensor(a).to(getattr(torch, name))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", AXES)
def test_orders(dev, dtype, axis):
    x, t = both(dev, dtype, 4, 9)
    t = t.to(torch.int64) if dtype.startswith("u") else t  # PyTorch sorts few unsigned types
    for down in (False, True):
        expected = torch.sort(t, dim=axis, descending=down, stable=True)
        assert x.argsort(axis, down).tolist() == expected.indices.tolist()
        np.testing.assert_array_equal(x.sort(axis, down).to_dtype("f64").array(), expected.values.to(torch.float64))
        values, indices = x.topk(3, axis, down)
        np.testing.assert_array_equal(indices.array(), expected.indices.narrow(axis, 0, 3))
        np.testing.assert_array_equal(
            values.to_dtype("f64").array(), expected.values.narrow(axis, 0, 3).to(torch.float64)
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_places(dev, dtype):
    x, _ = both(dev, dtype, 4, 9)
    a = x.array().astype(np.float64)
    for axis in AXES:
        np.testing.assert_array_equal(x.argmax(axis).array(), a.argmax(axis))
        np.testing.assert_array_equal(x.argmin(axis).array(), a.argmin(axis))
    assert x.argmax().item() == a.argmax() and x.argmin().item() == a.argmin() and x.argmax().dtype is dfdx.i64
    t = torch.tensor(a)
    assert x.argmax().item() == t.argmax().item()


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_sums(dev, dtype):
    a = RNG.integers(0, 2 if dtype == "bool" else 100, (3, 7))
    x = dev.tensor(a).to_dtype(dtype)
    for axis in AXES:
        y = x.cumsum(axis)
        expected = np.cumsum(a, axis)
        assert y.dtype is (dfdx.i64 if dtype == "bool" else x.dtype)
        np.testing.assert_array_equal(y.array(), expected.astype(y.dtype.numpy))  # integers wrap


def test_gradients_of_orders_and_sums(dev):
    a = RNG.standard_normal((3, 4, 5))
    for ours, theirs in [
        (lambda x: x.cumsum(1), lambda t: t.cumsum(1)),
        (lambda x: x.sort(1, True), lambda t: t.sort(1, True)[0]),
        (lambda x: x.topk(2, 0)[0], lambda t: t.topk(2, 0)[0]),
    ]:
        x, t = dev.tensor(a), torch.tensor(a, requires_grad=True)
        grads = ours(x.traced()).square().sum().backward()
        theirs(t).square().sum().backward()
        np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-12)


def test_no_tape_is_taken(dev):
    t = dev.ones((3,)).traced()
    t.argmax(), t.argmin(0), t.argsort()
    assert t.owns_tape


def test_empty_axes(dev):
    e = dev.zeros((0, 3))
    assert e.argmax(1).shape == (0,) and e.argsort(0).shape == (0, 3) and e.cumsum(0).shape == (0, 3)
    for call in (e.argmax, lambda: e.argmin(0)):
        with pytest.raises(dfdx.ShapeError, match="axis 0 is empty"):
            call()
    with pytest.raises(dfdx.ShapeError, match="k = 4 does not fit"):
        dev.zeros((3,)).topk(4)


def test_explain_says_that_sorting_falls_back_to_the_host(dev):
    from dfdx.core.dispatch import explain

    assert explain("argsort", dev)[-1] == "falls back to the host: copied out, sorted by NumPy, copied back"
    for name in ("sort", "topk"):
        way = "kernel" if dev is dfdx.device("cpu") else "falls back to the host"
        assert explain(name, dev)[0].startswith(f"argsort: {way}")


MASKS = {
    "none": (None, False), "causal": (None, True), "additive": ("some", False), "bool": ("bool", False), "blind": ("blind", False),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_attention(dev, name, lead):
    kind, causal = MASKS[name]
    q, k, v = RNG.standard_normal((*lead, 4, 3)), RNG.standard_normal((*lead, 5, 3)), RNG.standard_normal((*lead, 5, 2))
    mask = RNG.standard_normal((4, 5))
    mask[mask > 0.7] = -np.inf
    if kind == "blind":
        mask[1] = -np.inf
    mask = None if kind is None else mask > 0 if kind == "bool" else mask
    arrays = [q, k, v] + [mask] * (mask is not None)
    xs, ts = [dev.tensor(a) for a in arrays], [torch.tensor(a, requires_grad=a.dtype != bool) for a in arrays]
    grads = dfdx.Gradients.leaky()
    y = dfdx.attention(*[x.traced(grads) for x in xs], causal=causal, scale=0.4)
    ty = torch.nn.functional.scaled_dot_product_attention(*ts, is_causal=causal, scale=0.4)
    np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-11, atol=1e-12)
    y.square().sum().backward()
    ty.square().sum().backward()
    for x, t in zip(xs, ts, strict=True):
        if t.requires_grad:
            np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_attention_errors(dev):
    x = dev.ones((2, 4, 3))
    with pytest.raises(dfdx.ShapeError, match="mask.broadcast_to"):
        dfdx.attention(x, x, x, dev.zeros((2, 4)))
    with pytest.raises(dfdx.ShapeError, match="lengths differ"):
        dfdx.attention(x, x, dev.ones((2, 5, 3)))
    with pytest.raises(dfdx.DTypeError):
        dfdx.attention(x, x, x.to_dtype("f64"))
