"""Convolutions of the CPU against float64, over every combination of stride, padding, dilation and groups that fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx

sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _reference(x, w, stride, padding, dilation, groups):
    """conv2d by its definition, in float64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *[(p, p) for p in padding]))
    n, (o, c, kh, kw) = x.shape[0], w.shape
    oh, ow = ((x.shape[i + 2] - dilation[i] * (w.shape[i + 2] - 1) - 1) // stride[i] + 1 for i in (0, 1))
    y = np.zeros((n, o, oh, ow))
    for g in range(groups):
        outs, ins = slice(g * o // groups, (g + 1) * o // groups), slice(g * c, (g + 1) * c)
        for i in range(kh):
            for j in range(kw):
                rows = slice(i * dilation[0], i * dilation[0] + (oh - 1) * stride[0] + 1, stride[0])
                cols = slice(j * dilation[1], j * dilation[1] + (ow - 1) * stride[1] + 1, stride[1])
                y[:, outs] += np.einsum("nchw,oc->nohw", x[:, ins, rows, cols], w[outs, :, i, j].astype(np.float64))
    return y


def _agree(got, want, scale):
    assert np.abs(got - want).max() <= 4e-6 * scale


@given(
    st.integers(1, 3), st.sampled_from([1, 1, 2, 3]), st.integers(1, 9), st.sampled_from([1, 2, 5, 6, 7, 13]), sizes, sizes,
    st.tuples(st.integers(0, 3), st.integers(0, 3)), st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(0, 18), st.integers(0, 37),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_conv2d_and_its_gradients(n, groups, c, o, kernel, stride, padding, dilation, more_h, more_w):
    h, w = (dilation[i] * (kernel[i] - 1) + 1 + more for i, more in ((0, more_h), (1, more_w)))
    rng = np.random.default_rng(more_w)
    x = rng.standard_normal((n, c * groups, h, w)).astype(np.float32)
    weight = rng.standard_normal((o * groups, c, *kernel)).astype(np.float32)
    dev, at = dfdx.device("cpu"), (stride, padding, dilation, groups)
    grads = dfdx.Gradients.leaky()
    tx, tw = dev.tensor(x), dev.tensor(weight)
    y = tx.traced(grads).conv2d(tw, *at)
    want = _reference(x, weight, *at)
    size = c * kernel[0] * kernel[1]
    _agree(y.array(), want, max(1, np.abs(want).max()))
    g = rng.standard_normal(want.shape).astype(np.float32)
    (y * dev.tensor(g)).sum().backward()
    dx, dw = rng.standard_normal(x.shape).astype(np.float32), rng.standard_normal(weight.shape).astype(np.float32)
    # the gradients are the adjoints: <g, conv(dx, w)> = <conv_input(g, w), dx>, and the same for the weight
    for t, d, moved in ((tx, dx, _reference(dx, weight, *at)), (tw, dw, _reference(x, dw, *at))):
        left, right = (g * moved).sum(), (grads.get(t).array().astype(np.float64) * d).sum()
        assert left == pytest.approx(right, abs=2e-5 * size * float(np.abs(g).sum()))


def test_large_images_take_every_tile():
    rng = np.random.default_rng(0)
    x, w = (
        rng.standard_normal((2, 40, 33, 41)).astype(np.float32),
        rng.standard_normal((26, 40, 3, 3)).astype(np.float32),
    )
    dev = dfdx.device("cpu")
    got = dev.tensor(x).conv2d(dev.tensor(w), padding=1).array()
    want = _reference(x, w, (1, 1), (1, 1), (1, 1), 1)
    _agree(got, want, np.abs(want).max())


@pytest.mark.parametrize(
    ("n", "groups", "c", "o", "kernel", "padding", "dilation", "out"),
    [
        (9, 1, 2, 4, (3, 3), (0, 0), (1, 1), (5, 8)),  # several images in a tile
        (3, 2, 3, 5, (2, 3), (1, 2), (1, 1), (7, 16)),  # channels that fill no tile, groups, padding
        (5, 1, 1, 7, (3, 1), (2, 0), (2, 1), (4, 15)),  # a last vector that is not full
        (2, 1, 4, 4, (1, 4), (0, 3), (1, 2), (30, 63)),  # rows in two passes
        (1, 1, 1, 4, (3, 3), (1, 1), (1, 1), (20, 80)),  # long rows, in a loop
    ],
)
def test_weight_gradients_of_stride_1_line_by_line(n, groups, c, o, kernel, padding, dilation, out):
    rng = np.random.default_rng(o)
    h, w = (out[i] + dilation[i] * (kernel[i] - 1) - 2 * padding[i] for i in (0, 1))
    x = rng.standard_normal((n, c * groups, h, w)).astype(np.float32)
    g = rng.standard_normal((n, o * groups, *out)).astype(np.float32)
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    weight = dev.tensor(np.zeros((o * groups, c, *kernel), np.float32))
    (dev.tensor(x).conv2d(weight.traced(grads), (1, 1), padding, dilation, groups) * dev.tensor(g)).sum().backward()
    want = np.zeros(weight.shape)
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *[(p, p) for p in padding]))
    for k in range(groups):
        outs, ins = slice(k * o, k * o + o), slice(k * c, k * c + c)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                rows, cols = (slice(s * d, s * d + l) for s, d, l in zip((i, j), dilation, out, strict=True))
                want[outs, :, i, j] = np.einsum("nchw,nohw->oc", wide[:, ins, rows, cols], g[:, outs])
    _agree(grads.get(weight).array(), want, np.abs(want).max())
