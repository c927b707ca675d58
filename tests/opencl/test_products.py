"""Products large enough for their operands to be packed, in every layout, against float64."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx

SIZES = [(64, 64, 64), (67, 66, 70), (97, 301, 130), (301, 97, 130), (200, 131, 700)]  # the last: K in parts
EPS = {dfdx.f32: 2**-23, dfdx.f64: 2**-52, dfdx.f16: 2**-10, dfdx.bf16: 2**-7}


def operand(dev, shape, dtype, turned, seed):
    """A tensor, as a transposed view where `turned`, and its values as float64."""
    x = np.random.default_rng(seed).standard_normal((*shape[:-2], shape[-1], shape[-2]) if turned else shape)
    t, axes = dev.tensor(x).to_dtype(dtype), (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
    return (t := t.permute(axes) if turned else t), t.to_dtype(dfdx.f64).array()


def check(given, a, b, dtype, plus=0.0):
    exact, terms = a @ b + plus, abs(a) @ abs(b) + abs(plus)
    narrow = dtype in (dfdx.f16, dfdx.bf16)
    bound = 8 * EPS[dfdx.f32 if narrow else dtype] * terms + narrow * EPS[dtype] * abs(exact)
    assert (abs(given.to_dtype(dfdx.f64).array() - exact) <= bound).all()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)], ids=str)
def test_products_of_views(size, turned, dev):
    m, n, k = size
    a, b = operand(dev, (m, k), dfdx.f32, turned[0], 0), operand(dev, (k, n), dfdx.f32, turned[1], 1)
    check(a[0] @ b[0], a[1], b[1], dfdx.f32)


@pytest.mark.parametrize("dtype", EPS, ids=lambda d: d.name)
@pytest.mark.parametrize("turned", [False, True])
def test_batches(dtype, turned, dev):
    a, b = operand(dev, (3, 70, 400), dtype, False, 0), operand(dev, (3, 400, 90), dtype, turned, 1)
    check(a[0] @ b[0], a[1], b[1], dtype)
    one = operand(dev, (400, 90), dtype, turned, 2)
    check(a[0] @ one[0].broadcast_to((3, 400, 90), (0,)), a[1], one[1], dtype)


@pytest.mark.parametrize("dtype", EPS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(70, 90, 130), (128, 96, 600)], ids=str)
def test_a_linear_layer_adds_its_bias_once(size, dtype, dev):
    m, n, k = size
    x, w = operand(dev, (m, k), dtype, False, 0), operand(dev, (n, k), dtype, False, 1)
    bias = operand(dev, (1, n), dtype, False, 2)
    check(x[0].linear(w[0], bias[0].reshape((n,))), x[1], w[1].T, dtype, bias[1])


def test_what_a_product_does_not_reach_is_left_alone(dev):
    """A view of columns of a larger array is read, and the numbers beside it count for nothing: they are not finite."""
    x = np.full((200, 300), np.nan)
    x[7:77, 100:190] = np.random.default_rng(0).standard_normal((70, 90))
    part = dev.tensor(x).to_dtype(dfdx.f32)[7:77, 100:190]
    values = part.to_dtype(dfdx.f64).array()
    check(part @ part.permute((1, 0)), values, values.T, dfdx.f32)
