"""Convolution, pooling, upscaling, their gradients, sorting and running sums, against PyTorch and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)
CONVOLUTIONS = [  # image, weight, stride, padding, dilation, groups
    ((2, 3, 8, 9), (4, 3, 3, 3), 1, 1, 1, 1),
    ((3, 4, 10, 7), (6, 2, 3, 2), 2, (1, 0), 1, 2),
    ((2, 4, 12, 12), (4, 1, 3, 3), 1, 2, 2, 4),
    ((5, 2, 6, 6), (3, 2, 1, 1), 1, 0, 1, 1),
    ((2, 3, 9, 20), (4, 3, 3, 5), 1, (1, 2), 1, 1),
    ((2, 3, 9, 20), (4, 3, 3, 3), 1, 2, 2, 1),
]


def compare(t, x, ours, theirs, leaves):
    """Values and the gradients of sum(sin(y))."""
    theirs.sin().sum().backward()
    np.testing.assert_allclose(ours.detach().array(), theirs.detach().numpy(), 1e-4, 1e-4)
    grads = ours.sin().sum().backward()
    for tensor, leaf in leaves:
        np.testing.assert_allclose(grads.get(tensor).array(), leaf.grad.numpy(), 1e-4, 1e-4)


def pair(dev, shape):
    x = RNG.standard_normal(shape).astype("f4")
    return dev.tensor(x), torch.tensor(x, requires_grad=True)


@pytest.mark.parametrize("image, weight, stride, padding, dilation, groups", CONVOLUTIONS)
def test_conv2d_and_its_gradients(image, weight, stride, padding, dilation, groups, dev, monkeypatch):
    at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    (x, tx), (w, tw) = pair(dev, image), pair(dev, weight)
    compare(dev, x, x.traced().conv2d(w, **at), F.conv2d(tx, tw, **at), [(x, tx), (w, tw)])


def test_conv2d_in_batches_that_fit_the_workspace(dev, monkeypatch):
    from dfdx.backends.clike import conv

    monkeypatch.setattr(conv, "WORKSPACE", 4 * 3 * 9 * 7 * 7 * 2)  # two images at a time
    (x, tx), (w, tw) = pair(dev, (5, 3, 7, 7)), pair(dev, (4, 3, 3, 3))
    compare(dev, x, x.traced().conv2d(w, padding=1), F.conv2d(tx, tw, padding=1), [(x, tx), (w, tw)])


@pytest.mark.parametrize("kind", ["avg", "max", "min"])
def test_pooling_and_its_gradient(kind, dev):
    x, tx = pair(dev, (2, 3, 8, 9))
    sign = -1 if kind == "min" else 1
    ty = F.avg_pool2d(tx, (3, 2), 2, (1, 1)) if kind == "avg" else sign * F.max_pool2d(sign * tx, (3, 2), 2, (1, 1))
    compare(dev, x, x.traced().pool2d(kind, (3, 2), 2, (1, 1)), ty, [(x, tx)])


def test_the_first_winner_or_the_last_nan_takes_the_gradient(dev):
    values = np.array([[1, 1, 1, np.nan], [0, 1, np.nan, 2]], "f4").reshape(1, 1, 2, 4)
    x = dev.tensor(values)
    tx = torch.tensor(values, requires_grad=True)
    F.max_pool2d(tx, 2).sum().backward()
    dx = x.traced().pool2d("max", 2).sum().backward().get(x).array()
    np.testing.assert_array_equal(dx, tx.grad.numpy())


@pytest.mark.parametrize("size", [(16, 27), (6, 10), (1, 1)])
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_upscaling_and_its_gradient(method, size, dev):
    x, tx = pair(dev, (2, 3, 8, 9))
    more = {} if method == "nearest" else {"align_corners": True}
    compare(dev, x, x.traced().upscale2d(size, method), F.interpolate(tx, size, mode=method, **more), [(x, tx)])


@pytest.mark.parametrize("shape, axis", [((5, 300), 1), ((3, 70, 4), 1), ((5000,), 0)])
def test_running_sums(shape, axis, dev):
    x = RNG.standard_normal(shape).astype("f4")
    np.testing.assert_allclose(dev.tensor(x).cumsum(axis).array(), np.cumsum(x, axis, "f8"), 1e-5, 1e-4)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "f2"])
@pytest.mark.parametrize("shape, axis", [((5, 300), 1), ((30, 4), 0)])
def test_argsort_is_stable(shape, axis, dtype, descending, dev, cpu):
    x = np.abs(RNG.standard_normal(shape) * 9).round().astype(dtype)
    if x.dtype.kind == "f":
        x.flat[[3, 50]], x.flat[9], x.flat[11] = np.nan, -0.0, 0.0
    wanted = cpu.tensor(x).argsort(axis, descending=descending).array()
    np.testing.assert_array_equal(dev.tensor(x).argsort(axis, descending=descending).array(), wanted)
