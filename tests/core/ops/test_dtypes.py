"""Integers wrap, every op takes the dtypes it says, bit for bit as NumPy computes."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx

INTS = [d.name for d in dfdx.DTYPES.values() if d.is_int]
RNG = np.random.default_rng(0)
MASK, INDEX = RNG.random((3, 4)) < 0.5, np.array([2, 0])

# over two integer arrays of one shape; `t` is NumPy's type of the dtype
WRAPPING = {
    "add": (lambda x, y: x + y, lambda a, b, t: a + b), "sub": (lambda x, y: x - y, lambda a, b, t: a - b),
    "mul": (lambda x, y: x * y, lambda a, b, t: a * b), "number": (lambda x, y: 100 - x * 3 + 7, lambda a, b, t: t(100) - a * t(3) + t(7)),
    "maximum": (dfdx.maximum, lambda a, b, t: np.maximum(a, b)), "minimum": (dfdx.minimum, lambda a, b, t: np.minimum(a, b)),
    "abs": (lambda x, y: abs(x), lambda a, b, t: np.abs(a)), "negate": (lambda x, y: -x, lambda a, b, t: np.negative(a)),
    "square": (lambda x, y: x**2, lambda a, b, t: a * a), "cube": (lambda x, y: x.powi(3), lambda a, b, t: a * a * a),
    "sign": (lambda x, y: x.sign(), lambda a, b, t: np.sign(a)), "clamp": (lambda x, y: x.clamp(3, 50), lambda a, b, t: np.clip(a, t(3), t(50))),
    "axpy": (lambda x, y: dfdx.axpy(x, 2, y, 3), lambda a, b, t: a * t(2) + b * t(3)), "invert": (lambda x, y: ~x, lambda a, b, t: ~a),
    "logic": (lambda x, y: (x & y) ^ (x | 5), lambda a, b, t: (a & b) ^ (a | t(5))),
    "compare": (lambda x, y: (x < y) | (x >= 7) | (x == y), lambda a, b, t: (a < b) | (a >= 7) | (a == b)),
    "where": (lambda x, y: dfdx.where(x > y, x, y), lambda a, b, t: np.where(a > b, a, b)),
    "sum": (lambda x, y: x.sum(0), lambda a, b, t: a.sum(0, dtype=t)), "prod": (lambda x, y: x.prod(), lambda a, b, t: a.prod(dtype=t)),
    "max": (lambda x, y: x.max(), lambda a, b, t: a.max()), "min": (lambda x, y: x.min(1), lambda a, b, t: a.min(1)),
    "matmul": (lambda x, y: x @ y.T, lambda a, b, t: np.matmul(a, b.T, dtype=t)), "dot": (lambda x, y: x[0].dot(y[0]), lambda a, b, t: np.dot(a[0], b[0])),
    "einsum": (lambda x, y: dfdx.einsum("ij,ij->j", x, y), lambda a, b, t: (a * b).sum(0, dtype=t)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("name", WRAPPING)
def test_integers_wrap(dev, name, dtype):
    ours, theirs = WRAPPING[name]
    kind = dfdx.DTYPES[dtype].numpy
    info = np.iinfo(kind)
    a, b = (RNG.integers(info.min, info.max, (3, 4), dtype=kind, endpoint=True) for _ in range(2))
    a.flat[:3], b.flat[:3] = [info.min, info.max, 0], [info.max, info.max, info.min]
    with np.errstate(all="ignore"):
        expected = theirs(a, b, kind.type)
    np.testing.assert_array_equal(ours(dev.tensor(a), dev.tensor(b)).array(), expected, strict=True)


def _summed(a):
    """What scatter_add makes of rows that go to place 2; bools stay bools."""
    out = np.zeros((4, 4), a.dtype)
    out[2] = a[0] | a[1] if a.dtype == bool else a[0] + a[1]
    return out


MOVING = {
    "permute": (lambda x, d: x.permute((1, 0)), lambda a: a.T), "reshape": (lambda x, d: x.T.reshape((2, 6)), lambda a: a.T.reshape(2, 6)),
    "broadcast": (lambda x, d: x.broadcast_to((2, 3, 4)), lambda a: np.broadcast_to(a, (2, 3, 4))), "slice": (lambda x, d: x[1:, ::2], lambda a: a[1:, ::2]),
    "stack": (lambda x, d: dfdx.stack([x, x], 1), lambda a: np.stack([a, a], 1)), "unstack": (lambda x, d: x.unstack(1)[2], lambda a: a[:, 2]),
    "concat": (lambda x, d: dfdx.concat([x, x], 1), lambda a: np.concatenate([a, a], 1)), "roll": (lambda x, d: x.roll(-3, 1), lambda a: np.roll(a, -3, 1)),
    "flip": (lambda x, d: x.flip(), lambda a: np.flip(a)), "repeat": (lambda x, d: x.repeat((2, 3)), lambda a: np.tile(a, (2, 3))),
    "gather": (lambda x, d: x.gather(d.tensor(INDEX, "u8")), lambda a: a[INDEX]), "select": (lambda x, d: x.select(d.tensor([1, 0, 3], "i16"), 1), lambda a: a[[0, 1, 2], [1, 0, 3]]),
    "where": (lambda x, d: dfdx.where(d.tensor(MASK), x, x.flip()), lambda a: np.where(MASK, a, np.flip(a))), "pad": (lambda x, d: x.pad([(1, 2), (0, 1)]), lambda a: np.pad(a, [(1, 2), (0, 1)])),
    "pad_one": (lambda x, d: x.pad([(0, 1), (0, 0)], 1), lambda a: np.pad(a, [(0, 1), (0, 0)], constant_values=1)),
    "triu": (lambda x, d: x.triu(1), lambda a: np.triu(a, 1)), "tril": (lambda x, d: x.lower_tri(-1), lambda a: np.tril(a, -1)),
    "contiguous": (lambda x, d: x.T.contiguous(), lambda a: a.T), "scatter_add": (lambda x, d: x[:2].scatter_add(d.tensor([2, 2]), 4), _summed),
    "equal": (lambda x, d: x == x, lambda a: a == a), "less": (lambda x, d: x < x.flip(), lambda a: a < np.flip(a)), "clone": (lambda x, d: x.clone(), lambda a: a),
    "sort": (lambda x, d: x.sort(1), lambda a: np.sort(a, 1, kind="stable")),
}  # fmt: skip


@pytest.mark.parametrize("dtype", dfdx.DTYPES)
@pytest.mark.parametrize("name", MOVING)
def test_moving_and_choosing_take_every_dtype(dev, name, dtype):
    ours, theirs = MOVING[name]
    a = RNG.integers(0, 2 if dtype == "bool" else 100, (3, 4)).astype(dfdx.DTYPES[dtype].numpy)
    np.testing.assert_array_equal(ours(dev.tensor(a, dtype), dev).array(), theirs(a), strict=True)


def test_what_a_dtype_may_not(dev):
    i, b = dev.tensor([1, 2]), dev.tensor([True, False])
    for call in (
        lambda: i / i, lambda: i / 2, lambda: i + 1.5, lambda: i.mean(), lambda: i.exp(), lambda: b + b, lambda: -b, lambda: i & 1.0,
        lambda: i + b, lambda: i + i.to_dtype("i32"), lambda: dev.tensor([1], "i8") + 200, lambda: i.softmax(0), lambda: i.any(), lambda: b.max(),
        lambda: dfdx.where(i, i, i), lambda: dev.ones((2,)).gather(dev.ones((2,))), lambda: dfdx.einsum("i,i->", b, b), lambda: i.relu(),
    ):  # fmt: skip
        with pytest.raises(dfdx.DTypeError):
            call()
