"""Random words and casts by machine code, against NumPy."""

import numpy as np
import pytest

import dfdx
from dfdx.core.contract import DTYPES, Signature, TensorType, philox_words, u32

VALUES = {
    "f32": [0, -0.0, 1.5, -1.5, np.nan, np.inf, -np.inf, 3e9, -3e9, 255.7, 1e20, 70000, 1e-8, 65519.99, 65520],
    "i32": [0, 1, -1, 2**31 - 1, -(2**31), 16777217],
    "i64": [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1],
    "u8": [0, 255, 7],
    "u64": [0, 2**64 - 1, 2**63],
    "bool": [True, False],
}
VALUES["f64"] = VALUES["f16"] = VALUES["f32"]


@pytest.mark.parametrize("count", [1, 5, 100, 1001, 100_000])
@pytest.mark.parametrize(("key", "counter"), [(0, 0), (2**64 - 1, 2**64 - 3), (12345, 77)])
def test_words_are_philox(count, key, counter):
    backend = dfdx.device("cpu").backend
    kernel = backend.primitive("random_bits", Signature((), (TensorType((count,), u32),)), count=count)
    assert np.array_equal(kernel(key, counter), philox_words(key, counter, count))


def _saturated(x: np.ndarray, dtype) -> np.ndarray:
    """Rust's `as`, element by element."""
    info = np.iinfo(dtype.numpy)
    whole = [0 if v != v else int(max(min(v, 1e30), -1e30)) for v in x.tolist()]
    return np.array([min(max(v, info.min), info.max) for v in whole], dtype.numpy)


@pytest.mark.parametrize("source", VALUES)
@pytest.mark.parametrize("target", DTYPES)
def test_casts(source, target):
    a, b = DTYPES[source], DTYPES[target]
    with np.errstate(all="ignore"):
        x = np.array(VALUES[source]).astype(a.numpy)
        want = _saturated(x, b) if a.is_float and b.is_int else x != 0 if b.kind == "bool" else x.astype(b.numpy)
    got = dfdx.device("cpu").tensor(x).to_dtype(b).array()
    assert np.array_equal(got, want, equal_nan=b.is_float)
