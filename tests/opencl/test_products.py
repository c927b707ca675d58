"""Every kernel that a product of some layout may get, large ones from packed operands among them, against float64."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

import dfdx
from dfdx.backends.clike import matmul

SIZES = [(64, 64, 64), (67, 66, 70), (97, 301, 130), (301, 97, 130), (128, 90, 1100)]  # the last: K in parts
EPS = {dfdx.f32: 2**-23, dfdx.f64: 2**-52, dfdx.f16: 2**-10, dfdx.bf16: 2**-7}


def operand(dev, shape, dtype, turned, seed):
    """A tensor, as a transposed view where `turned`, and its values as float64."""
    n = len(shape)
    x = np.random.default_rng(seed).standard_normal((*shape[:-2], shape[-1], shape[-2]) if turned else shape)
    t = dev.tensor(x).to_dtype(dtype)
    t = t.permute((*range(n - 2), n - 1, n - 2)) if turned else t
    return t, t.to_dtype(dfdx.f64).array()


def check(a, b, bias=None):
    """All ways to compute a @ b + bias, each a tensor with its values: 8 eps of the sum of absolute terms, and a rounding."""
    dev, dtype, (m, k), n = a[0].device, a[0].dtype, a[0].shape[-2:], b[0].shape[-1]
    plus = bias[1] if bias else np.zeros(n)
    exact, terms = a[1] @ b[1] + plus, abs(a[1]) @ abs(b[1]) + abs(plus)
    narrow = dtype in (dfdx.f16, dfdx.bf16)
    bound = 8 * EPS[dfdx.f32 if narrow else dtype] * terms + narrow * EPS[dtype] * abs(exact)
    x, y = a[0].storage, b[0].storage
    p = matmul.Product(dtype, m, n, k, x.strides[-2:], y.strides[-2:], 1, bias is not None)
    batch, step = exact.shape[:-2], lambda t: t.strides[0] if len(t.strides) > 2 else 0
    numbers = (m, n, k, *p.a, *p.b, prod(batch), step(x), step(y))
    for way in matmul.ways(dev.runtime, p):
        out = dev.zeros(exact.shape, dtype) * 7.0
        call = matmul._prepare(dev.runtime, way, p, prod(batch), numbers)
        call((x, y, *([bias[0].storage] if bias else []), out.storage), ())
        given = out.to_dtype(dfdx.f64).array()
        assert (abs(given - exact) <= bound).all(), way.source.name


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)], ids=str)
def test_products_of_views(size, turned, dev):
    m, n, k = size
    check(operand(dev, (m, k), dfdx.f32, turned[0], 0), operand(dev, (k, n), dfdx.f32, turned[1], 1))


@pytest.mark.parametrize("dtype", EPS, ids=lambda d: d.name)
@pytest.mark.parametrize("turned", [False, True])
def test_batches(dtype, turned, dev):
    a = operand(dev, (3, 70, 150), dtype, False, 0)
    check(a, operand(dev, (3, 150, 90), dtype, turned, 1))
    one, values = operand(dev, (150, 90), dtype, turned, 2)
    check(a, (one.broadcast_to((3, 150, 90), (0,)), values))


@pytest.mark.parametrize("dtype", [dfdx.f32, dfdx.bf16], ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(70, 90, 130), (128, 96, 1100)], ids=str)
def test_a_bias_is_added_once(size, dtype, dev):
    m, n, k = size
    x, w = operand(dev, (m, k), dtype, False, 0), operand(dev, (n, k), dtype, False, 1)
    bias, values = operand(dev, (1, n), dtype, False, 2)
    check(x, (w[0].permute((1, 0)), w[1].T), (bias.reshape((n,)), values[0]))


def test_what_lies_beside_an_operand_counts_for_nothing(dev):
    """It is not finite here: packed strips are filled up with zeros, not with what comes next."""
    x = np.full((200, 300), np.nan)
    x[7:77, 100:191] = np.random.default_rng(0).standard_normal((70, 91))
    part = dev.tensor(x).to_dtype(dfdx.f32)[7:77, 100:191]
    values = part.to_dtype(dfdx.f64).array()
    check((part, values), (part.permute((1, 0)), values.T))
    check((part.permute((1, 0)), values.T), (part, values))
