"""Convolution, pooling and upscaling against PyTorch in float64, over strides, paddings, dilations, groups, ties and NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx

torch = pytest.importorskip("torch")
F = torch.nn.functional

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
many = settings(max_examples=40, deadline=None, derandomize=True)


def numbers(seed, *shape, ties=False):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, shape) * 1.0 if ties else rng.standard_normal(shape)


def agree(dev, ours, theirs, *arrays):
    """Value, and the gradient of a weighted sum."""
    grads = dfdx.Gradients.leaky()
    xs, ts = [dev.tensor(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    y, ty = ours(*[x.traced(grads) for x in xs]), theirs(*ts)
    np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-11, atol=1e-11, strict=True)
    w = np.random.default_rng(0).standard_normal(ty.shape)
    (y * dev.tensor(w)).sum().backward()
    (ty * torch.tensor(w)).sum().backward()
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-11, atol=1e-11)


@many
@given(
    pairs, pairs, st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 3, 6)]), st.tuples(st.integers(5, 7), st.integers(5, 7)), st.integers(1, 2), st.data(),
)  # fmt: skip
def test_convolutions(dev, kernel, stride, padding, dilation, channels, size, n, data):
    groups, c, o = channels
    x, w = numbers(1, n, c, *size), numbers(2, o, c // groups, *kernel)
    agree(
        dev,
        lambda x, w: x.conv2d(w, stride, padding, dilation, groups),
        lambda x, w: F.conv2d(x, w, None, stride, padding, dilation, groups),
        x,
        w,
    )
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    if min((h - 1) * s - 2 * p + k for h, s, p, k in zip(size, stride, padding, kernel, strict=True)) > 0:
        agree(
            dev,
            lambda x, w: x.convtrans2d(w, stride, padding, dilation, groups, extra),
            lambda x, w: F.conv_transpose2d(x, w, None, stride, padding, extra, groups, dilation),
            x,
            numbers(3, c, o // groups, *kernel),
        )


def test_signals(dev):
    x, w = numbers(1, 2, 4, 9), numbers(2, 6, 2, 3)
    agree(dev, lambda x, w: x.conv1d(w, 2, 1, 2, 2), lambda x, w: F.conv1d(x, w, None, 2, 1, 2, 2), x, w)
    agree(dev, lambda x, w: x.conv1d(w, groups=2), lambda x, w: F.conv1d(x, w, groups=2), x[0], w)
    w = numbers(3, 4, 3, 3)
    theirs = lambda x, w: F.conv_transpose1d(x, w, None, 3, 1, 2, 2, 1)  # noqa: E731
    agree(dev, lambda x, w: x.convtrans1d(w, 3, 1, 1, 2, 2), theirs, x, w)
    for kind, pool in (("max", F.max_pool1d), ("avg", F.avg_pool1d)):
        agree(dev, lambda x, k=kind: x.pool1d(k, 3, 2, 1), lambda x, f=pool: f(x, 3, 2, 1), x)


def test_a_convolution_of_a_convolution_gradient(dev):
    """The three ops are closed under differentiation: a second derivative uses all of them."""
    a, b = numbers(1, 2, 2, 5, 6), numbers(2, 4, 1, 3, 2)
    x, w = dev.tensor(a), dev.tensor(b)
    tx, tw = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    grads = dfdx.Gradients.leaky()
    x.traced(grads).conv2d(w.traced(grads), (1, 2), 1, 1, 2).square().sum().backward(retrace=True)
    first = torch.autograd.grad(F.conv2d(tx, tw, None, (1, 2), 1, 1, 2).square().sum(), (tx, tw), create_graph=True)
    second = (grads.get(x).square().sum() + grads.get(w).square().sum()).backward()
    expected = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), (tx, tw))
    np.testing.assert_allclose(second.get(x).array(), expected[0].numpy(), rtol=1e-10)
    np.testing.assert_allclose(second.get(w).array(), expected[1].numpy(), rtol=1e-10)


@many
@given(pairs, pairs, pairs, st.tuples(st.integers(4, 7), st.integers(4, 7)), st.booleans(), st.booleans(), st.data())
def test_pooling(dev, kernel, stride, dilation, size, ties, special, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    if any(h + 2 * p < d * (k - 1) + 1 for h, p, d, k in zip(size, padding, dilation, kernel, strict=True)):
        return
    x = numbers(4, 2, 2, *size, ties=ties)
    if special:  # the last NaN wins; what lies in the padding never does, not even against -inf
        x.flat[::5], x.flat[1::4] = np.nan, -np.inf
    best = lambda x: F.max_pool2d(x, kernel, stride, padding, dilation)  # noqa: E731
    agree(dev, lambda x: x.pool2d("max", kernel, stride, padding, dilation), best, x)
    agree(dev, lambda x: x.pool2d("min", kernel, stride, padding, dilation), lambda x: -best(-x), x)
    if not special:
        mean = lambda x: F.avg_pool2d(x, kernel, stride, padding)  # noqa: E731
        agree(dev, lambda x: x.pool2d("avg", kernel, stride, padding), mean, x)


@many
@given(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.tuples(st.integers(1, 13), st.integers(1, 13)))
def test_upscaling(dev, size, target):
    x = numbers(5, 2, 2, *size)
    agree(dev, lambda x: x.upscale2d(target), lambda x: F.interpolate(x, target, mode="nearest"), x)
    bilinear = lambda x: F.interpolate(x, target, mode="bilinear", align_corners=True)  # noqa: E731
    agree(dev, lambda x: x.upscale2d(target, "bilinear"), bilinear, x)


@pytest.mark.parametrize("dtype", ["f16", "bf16", "amp_f16", "f32"])
def test_narrow_floats_sum_in_f32(dev, dtype):
    """Ones: every sum of up to 2048 of them is exact in f32, and would stick at 256 in bf16."""
    x, w = dev.ones((1, 40, 8, 8), dtype), dev.ones((4, 40, 3, 3), dtype)
    grads = dfdx.Gradients.leaky()
    y = x.traced(grads).conv2d(w.traced(grads)).to_dtype("f32")
    assert np.all(y.array() == dev.tensor(360.0).to_dtype(dtype).to_dtype("f32").item())
    y.sum().backward()
    assert np.all(grads.get(w).to_dtype("f32").array() == 36)
    assert grads.get(x).to_dtype("f32").max().item() == 36
    assert x.pool2d("avg", 8).to_dtype("f32").max().item() == 1.0


def test_empty_images(dev):
    none, no_channels = dev.zeros((0, 2, 5, 5)), dev.zeros((2, 0, 5, 5))
    for x in (none, no_channels):
        w = dev.zeros((3, x.shape[1], 2, 2))
        assert x.conv2d(w).shape == (x.shape[0], 3, 4, 4) and not x.conv2d(w).array().any()
        grads = x.traced().conv2d(w).sum().backward()
        assert grads.get(w).shape == w.shape and not grads.get(w).array().any()
        assert x.pool2d("max", 2).shape == (*x.shape[:2], 2, 2) and x.upscale2d(7).shape == (*x.shape[:2], 7, 7)


ERRORS = {
    "channels": (lambda d: d.zeros((1, 2, 3, 3)).conv2d(d.zeros((2, 3, 1, 1))), r"x.shape\[1\] = 2\n.*groups = 3"),
    "window": (lambda d: d.zeros((1, 2, 3, 3)).conv2d(d.zeros((2, 2, 5, 1))), "padded 3, a window spans 5"),
    "groups": (lambda d: d.zeros((1, 2, 3, 3)).conv2d(d.zeros((3, 1, 1, 1)), groups=2), "do not make groups = 2"),
    "rank": (lambda d: d.zeros((3, 3)).conv2d(d.zeros((3, 1, 1, 1))), "x.rank = 2"),
    "stride": (lambda d: d.zeros((1, 1, 3, 3)).conv2d(d.zeros((1, 1, 1, 1)), stride=0), "stride is an int or a pair"),
    "output_padding": (lambda d: d.zeros((1, 1, 3, 3)).convtrans2d(d.zeros((1, 1, 1, 1)), output_padding=1), "below"),
    "transposed": (lambda d: d.zeros((1, 1, 1, 1)).convtrans2d(d.zeros((1, 1, 1, 1)), padding=1), "less padding"),
    "pool_rank": (lambda d: d.zeros((3, 3)).pool2d("max", 2), "x has 4 dims, or 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(dev, name):
    call, text = ERRORS[name]
    with pytest.raises(dfdx.ShapeError, match=f"(?s){text}"):
        call(dev)


def test_integers_pool(dev):
    x = dev.tensor([[[3, 1], [2, -5]]], dfdx.i8)
    assert x.pool2d("max", 2, padding=1, stride=1).tolist() == [[[3, 3, 1], [3, 3, 1], [2, 2, -5]]]
    with pytest.raises(dfdx.DTypeError, match="takes floats"):
        x.pool2d("avg", 2)
