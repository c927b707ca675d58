"""Running sums and sums at indices by the CPU's own kernels, against NumPy."""

import numpy as np
import pytest

import dfdx
from dfdx.core.contract import DTYPES, Signature, TensorType, i64

NAMES = ["f32", "f64", "f16", "i32", "i64", "u64"]
PLACES = [
    ((), (9,), (33,), 20),
    ((), (500,), (), 7),
    ((3,), (4, 5), (300,), 11),
    ((2, 3), (6,), (), 5),
    ((), (4,), (2, 130), 3),
]


def _numbers(shape, name):
    rng = np.random.default_rng(len(shape))
    x = rng.integers(0, 9, shape)  # whole numbers: sums are exact in any order
    return x.astype(DTYPES[name].numpy)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(5,), (300,), (4, 70, 9), (3, 20, 300), (7, 1, 5), (100, 33)], ids=str)
def test_running_sums(shape, name):
    x = _numbers(shape, name)
    t = dfdx.device("cpu").tensor(x)
    for axis in range(len(shape)):
        got = t.cumsum(axis).array()
        assert got.dtype == x.dtype
        assert np.array_equal(got, np.cumsum(x, axis, np.float64 if x.dtype.kind == "f" else None).astype(x.dtype))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("batch", "count", "rest", "size"), PLACES)
def test_sums_at_indices(batch, count, rest, size, name):
    source = _numbers((*batch, *count, *rest), name)
    index = np.random.default_rng(1).integers(0, size, (*batch, *count))
    want = np.zeros((*batch, size, *rest), np.float64 if source.dtype.kind == "f" else source.dtype)
    for at in np.ndindex(index.shape):
        want[(*at[: len(batch)], index[at])] += source[at]
    types = [
        TensorType(s, d) for s, d in ((source.shape, DTYPES[name]), (index.shape, i64), (want.shape, DTYPES[name]))
    ]
    find = dfdx.device("cpu").backend.primitive
    kernel = find("scatter_add", Signature(tuple(types[:2]), tuple(types[2:])), axis=len(batch), size=size)
    for places in (index, index.astype(np.int32), np.asfortranarray(index)):
        got = kernel(source, places)
        assert got.dtype == source.dtype and np.array_equal(got, want.astype(source.dtype))
    with pytest.raises(IndexError, match="out of range"):
        kernel(source, index + size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("batch", "count", "rest", "size"), PLACES)
def test_what_lies_at_indices(batch, count, rest, size, name):
    a = _numbers((*batch, size, *rest), name)
    index = np.random.default_rng(1).integers(0, size, (*batch, *count))
    want = np.stack([a[(*at[: len(batch)], index[at])] for at in np.ndindex(index.shape)]).reshape(*index.shape, *rest)
    types = [TensorType(s, d) for s, d in ((a.shape, DTYPES[name]), (index.shape, i64), (want.shape, DTYPES[name]))]
    find = dfdx.device("cpu").backend.primitive
    kernel = find("gather", Signature(tuple(types[:2]), tuple(types[2:])), axis=len(batch))
    for places in (index, index.astype(np.int32), np.asfortranarray(index)):
        got = kernel(a, places)
        assert got.dtype == a.dtype and np.array_equal(got, want)
    for wrong in (index + size, index - size):
        with pytest.raises(IndexError, match="out of range"):
            kernel(a, wrong)
