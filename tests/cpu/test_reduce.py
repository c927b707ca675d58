"""Reductions and row programs on the CPU against float64, over shapes that take each path of the kernels."""

import itertools

import numpy as np
import pytest

import dfdx

SHAPES = [
    (5,),
    (64, 65),
    (3, 4, 5, 6),
    (1000, 10),
    (10, 1000),
    (200_000,),
    (100_000, 7),
    (3, 600, 520),
    (8, 4, 9, 9),
    (1, 5, 1),
    (2, 40_000),
    (70, 24),
    (67, 7, 13),
    (65, 500),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_any_axes(shape, dtype):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 1.1, shape).astype(dtype)
    if dtype == "float16":
        x = x[tuple(slice(100) for _ in shape)].copy()
    wide = x.astype(np.longdouble)
    eps = np.finfo(dtype).eps + (np.finfo(np.float32).eps if dtype == "float16" else 0)
    t = dfdx.device("cpu").tensor(x)
    for count in range(1, len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), count):
            want = wide.sum(axes)
            got = t.sum(axes).array()
            assert got.shape == want.shape
            assert (np.abs(got - want) <= 6 * eps * want).all(), axes
            assert np.array_equal(t.max(axes).array(), x.max(axes))
            assert np.array_equal(t.min(axes).array(), x.min(axes))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_nan_and_infinities(axes):
    x = np.ones((100, 50), np.float32)
    x[3, 4], x[7, 8], x[9, 1] = np.nan, np.inf, -np.inf
    t = dfdx.device("cpu").tensor(x)
    for name in ("sum", "max", "min"):
        with np.errstate(invalid="ignore"):
            want = getattr(x, name)(axes)
        assert np.array_equal(getattr(t, name)(axes).array(), want, equal_nan=True)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ROWS = {
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
    "logsumexp": lambda x: np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1)) + x.max(-1),
    "normalize": lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5),
}


@pytest.mark.parametrize(
    "shape", [(3, 5), (4, 16), (7, 37), (64, 10), (5, 1000), (4, 40_000), (1, 300_000), (2, 3, 4, 130)], ids=str
)
@pytest.mark.parametrize("name", ROWS)
def test_row_programs(name, shape):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    want = ROWS[name](x.astype(np.float64))
    got = getattr(dfdx.device("cpu").tensor(x), name)(-1).array()
    assert np.abs(got - want).max() <= 2e-6 * np.abs(want).max()


def test_a_view_gives_the_bits_of_its_copy():
    dev = dfdx.device("cpu")
    x = dev.sample_normal((300, 200))
    for op in ("exp", "softmax", "normalize"):
        turned, copied = x.permute((1, 0)), x.permute((1, 0)).clone()
        args = () if op == "exp" else (-1,)
        assert np.array_equal(getattr(turned, op)(*args).array(), getattr(copied, op)(*args).array())


def test_losses_of_long_tensors():
    dev = dfdx.device("cpu")
    a, b = np.random.default_rng(2).standard_normal((2, 700, 300)).astype(np.float32)
    got = dfdx.losses.mse_loss(dev.tensor(a), dev.tensor(b)).item()
    assert got == pytest.approx(((a.astype(np.float64) - b) ** 2).mean(), rel=3e-7)


@pytest.mark.parametrize("shape", [(4, 6, 5, 7), (8, 16, 28, 28), (2, 3, 100, 100), (3, 2, 17)], ids=str)
def test_normalising_over_axes_around_the_channels(shape):
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    axes = tuple(i for i in range(len(shape)) if i != 1)
    wide = x.astype(np.float64)
    want = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    got = dfdx.device("cpu").tensor(x).normalize(axes).array()
    assert got.flags.c_contiguous
    assert np.abs(got - want).max() <= 2e-6 * np.abs(want).max()


@pytest.mark.parametrize("shape", [(3, 5), (64, 33), (1000, 130), (4, 5, 64), (2, 20_000)], ids=str)
def test_gradients_of_layer_norm_in_one_pass(shape):
    rng = np.random.default_rng(4)
    x, g = rng.standard_normal((2, *shape)).astype(np.float32)
    gamma, beta = rng.standard_normal((2, shape[-1])).astype(np.float32)
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    tx, ta, tb = (dev.tensor(a) for a in (x, gamma, beta))
    (tx.traced(grads).layer_norm(ta, tb) * dev.tensor(g)).sum().backward()
    wide = x.astype(np.float64)
    scale = 1 / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    hat = (wide - wide.mean(-1, keepdims=True)) * scale
    d = g * gamma.astype(np.float64)
    rows = tuple(range(len(shape) - 1))
    wants = (
        scale * (d - d.mean(-1, keepdims=True) - hat * (d * hat).mean(-1, keepdims=True)),
        (g * hat).sum(rows),
        g.astype(np.float64).sum(rows),
    )
    for t, want in zip((tx, ta, tb), wants, strict=True):
        assert np.abs(grads.get(t).array() - want).max() <= 2e-6 * np.abs(want).max()
