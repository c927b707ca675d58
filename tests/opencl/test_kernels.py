"""Every kernel family on views of every kind, against the CPU device (which the kit compares with float64 and PyTorch)."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx

X = np.random.default_rng(0).standard_normal((6, 50, 40)).astype("f4")


def index(t, values):
    return t.device.tensor(np.asarray(values))


CASES = {
    "map of one": lambda t: t.exp(),
    "map over a turned view": lambda t: t.permute((2, 0, 1)).exp() + t.permute((2, 0, 1)),
    "map over mixed views": lambda t: t.permute((1, 0, 2)) + t.reshape((50, 6, 40)),
    "map over short rows": lambda t: t[:, :, :3] * t[:, :, 3:6],
    "map with a broadcast row": lambda t: t + t[0, 0].broadcast_to(t.shape, (0, 1)),
    "map with a broadcast column": lambda t: t * t[:, 0, 0].broadcast_to(t.shape, (1, 2)),
    "map over a small turned view": lambda t: t[:4, :5, :6].permute((2, 0, 1)).exp(),
    "map over small mixed views": lambda t: t[1, :5, 3:11:2] * t[:5, :4, 7] + t[0, 0, :4].broadcast_to((5, 4), (0,)),
    "map over five small dims": lambda t: t[:4, :6, :8].reshape((2, 2, 6, 4, 2)).permute((4, 0, 3, 1, 2)).exp(),
    "softmax of a small turned view": lambda t: t[:4, :5, 2:9].permute((2, 0, 1)).softmax((0, 2)),
    "sums of small views": lambda t: t[::2, :9, ::3].sum((0, 2)) + t[3, :9, 4:].sum(1),
    "sum of the first axis": lambda t: t.sum(0),
    "sum of the last axis": lambda t: t.sum(2),
    "sum of two axes": lambda t: t.sum((0, 2)),
    "sum of all": lambda t: t.sum(),
    "sum in parts, by items": lambda t: t.reshape((3000, 4)).sum(0),
    "sum of a broadcast view": lambda t: t.broadcast_to((40, 6, 50, 40)).sum(),
    "max": lambda t: t.max(1),
    "min of a turned view": lambda t: t.permute((2, 1, 0)).min((0, 2)),
    "prod": lambda t: (t * 0.1 + 1.0).prod(2),
    "sum of integers wraps": lambda t: (t * 100.0).to_dtype(dfdx.i8).sum(1),
    "sum of bools": lambda t: (t > 0.0).sum(),
    "softmax of rows": lambda t: t.softmax(-1),
    "softmax of columns": lambda t: t.softmax(1),
    "softmax of split axes": lambda t: t.softmax((0, 2)),
    "logsumexp": lambda t: t.logsumexp(1),
    "layer norm": lambda t: t.layer_norm(t[0, 0], t[0, 1]),
    "concat of rows": lambda t: dfdx.concat([t, t[:3]], 0),
    "concat of columns": lambda t: dfdx.concat([t, t[:, :, :3], t[:, :, 1:2]], 2),
    "slice": lambda t: t[1:5:2, ::3, 4],
    "reshape that copies": lambda t: t.permute((1, 0, 2)).reshape((300, 40)),
    "matmul, batched, second turned": lambda t: t @ t.permute((0, 2, 1)),
    "matmul, batched, first turned": lambda t: t.permute((0, 2, 1)) @ t,
    "matmul, first turned": lambda t: t.reshape((300, 40)).permute((1, 0)) @ t.reshape((300, 40)),
    "matmul, second turned": lambda t: t.reshape((300, 40)) @ t.reshape((300, 40)).permute((1, 0)),
    "matmul, both turned": lambda t: t[0].permute((1, 0)) @ t.reshape((240, 50))[:30].permute((1, 0)),
    "matmul of small matrices": lambda t: t[0, :33, :20] @ t[1, :20, :35],
    "matmul of small matrices, second turned": lambda t: t[0, :20, :33] @ t[1, :21, :33].permute((1, 0)),
    "matmul of small matrices, batched, first turned": lambda t: t[:2, :20, :17].permute((0, 2, 1)) @ t[2:4, :20, :19],
    "matmul of small f16": lambda t: (
        t[0, :33, :20].to_dtype(dfdx.f16) @ t[1, :20, :35].to_dtype(dfdx.f16)
    ).to_dtype(dfdx.f32),
    "matmul of a row": lambda t: t[0, :1] @ t[1].permute((1, 0)),
    "matmul with a column": lambda t: t[0] @ t[1, :1].permute((1, 0)),
    "matmul of integers": lambda t: (t[0] * 9.0).to_dtype(dfdx.i32) @ (t[1] * 9.0).to_dtype(dfdx.i32).permute((1, 0)),
    "linear": lambda t: t.linear(t[0, :7], t[0, 0, :7]),
    "gather": lambda t: t.gather(index(t, [3, 1, 1, 5]), 0),
    "gather with leading dims": lambda t: t.gather(index(t, np.arange(12).reshape(6, 2)), 1),
    "gather from a turned view": lambda t: t.permute((1, 2, 0)).gather(index(t, [[3, 1], [1, 49]]), 0),
    "scatter_add": lambda t: t.scatter_add(index(t, [3, 1, 1, 5, 3, 3]), 8),
    "scatter_add with leading dims": lambda t: t.scatter_add(index(t, np.arange(300).reshape(6, 50) % 7), 9, 1),
    "scatter_add of numbers": lambda t: t.reshape((12000,)).scatter_add(index(t, np.arange(12000) % 91), 97),
    "a triangle": lambda t: t.device.upper_tri((5, 7)),
    "arange": lambda t: t.device.arange(3, 20, 2),
    "floor division": lambda t: (t * 50.0).to_dtype(dfdx.i32) + (t * 7.0).floor().to_dtype(dfdx.i32),
    "bf16": lambda t: (t.to_dtype(dfdx.bf16) * t.to_dtype(dfdx.bf16)).to_dtype(dfdx.f32),
    "f16": lambda t: (t.to_dtype(dfdx.f16) @ t.to_dtype(dfdx.f16).permute((0, 2, 1))).to_dtype(dfdx.f32),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_on_the_cpu(name, dev, cpu):
    given, wanted = CASES[name](dev.tensor(X)), CASES[name](cpu.tensor(X))
    assert given.shape == wanted.shape and given.dtype is wanted.dtype
    tolerance = 2e-3 if "f16" in name else 2e-5
    np.testing.assert_allclose(given.array(), wanted.array(), tolerance, tolerance)


@pytest.mark.parametrize(
    "draw",
    [
        lambda d: d.sample_uniform((1001,)),
        lambda d: d.sample_uniform((3, 5), dfdx.f64),
        lambda d: d.sample((77,), "integers", 0, 10) if hasattr(d, "sample") else None,
    ],
)
def test_draws_are_the_same_bits(draw, dev, cpu):
    dev.seed(7), cpu.seed(7)
    given, wanted = draw(dev), draw(cpu)
    np.testing.assert_array_equal(given.array(), wanted.array())


def test_normals_agree_to_a_few_ulp(dev, cpu):
    dev.seed(3), cpu.seed(3)
    np.testing.assert_allclose(dev.sample_normal((999,)).array(), cpu.sample_normal((999,)).array(), 3e-6, 1e-6)


@pytest.mark.parametrize("target", [dfdx.i8, dfdx.u8, dfdx.i32, dfdx.u32, dfdx.i64, dfdx.u64, "bool"])
@pytest.mark.parametrize("source", [dfdx.f32, dfdx.f64, dfdx.f16, dfdx.bf16])
def test_casts_saturate(source, target, dev, cpu):
    values = np.array([0.0, -0.0, 1.9, -1.9, 300.0, -300.0, 1e10, -1e10, 1e30, -1e30, np.inf, -np.inf, np.nan])
    give = lambda d: d.tensor(values).to_dtype(source).to_dtype(target).array()  # noqa: E731
    np.testing.assert_array_equal(give(dev), give(cpu))


def test_narrow_casts_round_once(dev):
    """f64 to f16 and bf16 by way of f32 would round twice (ml_dtypes does)."""
    values = np.array([1 + 2**-11 + 2**-40, 1 + 2**-11 - 2**-40, 65519.999999, 1e-30, 1e-50])
    given = dev.tensor(values).to_dtype(dfdx.f16).array()
    np.testing.assert_array_equal(given, values.astype("f2"))
    values = np.array([1 + 2**-8 + 2**-40, 1 + 2**-8, 1 + 2**-8 - 2**-40])
    assert dev.tensor(values).to_dtype(dfdx.bf16).array().astype("f4").tolist() == [1 + 2**-7, 1.0, 1.0]


def test_an_index_out_of_range_reads_zero_and_is_not_written(dev):
    t = dev.tensor([1.0, 2.0, 3.0])
    assert t.gather(dev.tensor([0, 3, -1, 2])).tolist() == [1.0, 0.0, 0.0, 3.0]
    assert t.scatter_add(dev.tensor([0, 5, -1]), 3).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("n", [1, 7, 1000, 300_001])
def test_long_float_sums_keep_their_accuracy(n, dev):
    x = np.random.default_rng(n).random(n, "f4")
    exact = x.astype("f8").sum()
    assert abs(dev.tensor(x).sum().item() - exact) <= 8 * np.finfo("f4").eps * exact
