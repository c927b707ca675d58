"""Accuracy of the CPU's own functions against float64, over all binades and the ranges where they are used."""

import math

import numpy as np
import pytest

import dfdx

REFERENCES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "ln": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "erf": np.vectorize(math.erf),
}
ULP = {"tan": 4.0, "tanh": 2.5}  # all others within 2
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 1e-45, -1e-45, 1e-39, 3e38, -3e38], np.float32)


def _inputs(name: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = 20_000 if name == "erf" else 200_000
    bits = rng.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    parts = [bits[np.isfinite(bits)], *[rng.uniform(-s, s, n).astype(np.float32) for s in (1, 6, 100)]]
    x = np.concatenate(parts)
    low = {"ln": 0.0, "log1p": -1.0}.get(name)
    return x if low is None else x[x > low]


@pytest.mark.parametrize("name", REFERENCES)
def test_within_two_ulp(name):
    x = _inputs(name)
    with np.errstate(all="ignore"):
        got, want = getattr(dfdx.device("cpu").tensor(x), name)().array(), REFERENCES[name](x.astype(np.float64))
        rounded = want.astype(np.float32)
        step = np.maximum(np.spacing(np.abs(rounded)).astype(np.float64), 2.0**-149)
        error = np.abs(got - want) / step
    finite = np.isfinite(rounded)
    assert error[finite].max() <= ULP.get(name, 2.0)
    assert np.array_equal(got[~finite], rounded[~finite], equal_nan=True)


@pytest.mark.parametrize("name", REFERENCES)
def test_special_values(name):
    if name in ("sin", "cos", "tan"):
        REFERENCES[name](np.float64(1))
    with np.errstate(all="ignore"):
        want = REFERENCES[name](SPECIAL.astype(np.float64)).astype(np.float32)
    got = getattr(dfdx.device("cpu").tensor(SPECIAL), name)().array()
    assert np.allclose(got, want, rtol=3e-7, atol=0, equal_nan=True)
    zero = np.flatnonzero(want == 0)
    assert np.array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


def test_power_follows_ieee_754():
    odd = [2.0, 3.0, -2.0, -3.0, 0.5, -0.5, 2.5, 1e9, 16777217.0]
    pairs = np.array([[a, p] for a in [*SPECIAL, 2, -2, 0.5, -0.5] for p in [*SPECIAL, *odd]], np.float32)
    x, p = pairs.T.copy()
    dev = dfdx.device("cpu")
    with np.errstate(all="ignore"):
        want = np.power(x, p)
    assert np.allclose((dev.tensor(x) ** dev.tensor(p)).array(), want, rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["exp", "ln"])
def test_double_precision(name):
    x = np.random.default_rng(1).uniform(-700, 700, 100_000)
    x = np.abs(x) if name == "ln" else x
    got = getattr(dfdx.device("cpu").tensor(x), name)().array()
    want = REFERENCES[name](x.astype(np.longdouble))
    assert np.abs((got - want) / want).max() <= 2 * 2.0**-52


@pytest.mark.parametrize(("name", "ulp"), [("tanh", 2), ("log1p", 2), ("erf", 4)])
def test_double_precision_near_zero_and_far(name, ulp):
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2**63, 20_000, dtype=np.uint64) | (
        rng.integers(0, 2, 20_000, dtype=np.uint64) << np.uint64(63)
    )
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 5e-324, -1e-310, 1e300, -1e300])
    x = np.concatenate([special, bits.view(np.float64), *[rng.uniform(-s, s, 20_000) for s in (1, 6, 40)]])
    with np.errstate(all="ignore"):
        got = getattr(dfdx.device("cpu").tensor(x), name)().array()
        want = REFERENCES[name](x if name == "erf" else x.astype(np.longdouble))
        rounded = want.astype(np.float64)
        error = np.abs(got - want) / np.maximum(np.spacing(np.abs(rounded)), 5e-324)
    finite = np.isfinite(rounded) & np.isfinite(x)
    assert error[finite].max() <= ulp
    assert np.array_equal(got[~finite], rounded[~finite], equal_nan=True)
    assert np.array_equal(np.signbit(got[rounded == 0]), np.signbit(rounded[rounded == 0]))


@pytest.mark.parametrize("name", ["gelu", "fast_gelu"])
def test_gelu_is_as_good_as_its_function(name):
    x = np.concatenate([np.linspace(-12, 12, 400_001), [0.0, 1e-30, -1e-30, 3e38, -3e38]]).astype(np.float32)
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        inner = (
            np.vectorize(math.erf)(wide / 2**0.5)
            if name == "gelu"
            else np.tanh((2 / np.pi) ** 0.5 * (wide + 0.044715 * wide**3))
        )
    want = wide * (1 + inner) / 2
    error = np.abs(getattr(dfdx.device("cpu").tensor(x), name)().array() - want) / np.spacing(np.abs(x)).astype(
        np.float64
    )
    assert error.max() <= 4  # in units of x: where x is negative the result is a small difference
    special = getattr(dfdx.device("cpu").tensor(np.array([np.nan, np.inf, -np.inf], np.float32)), name)().array()
    assert np.array_equal(special, np.array([np.nan, np.inf, np.nan], np.float32), equal_nan=True)


@pytest.mark.parametrize(("name", "ulp"), [("sin", 2), ("cos", 2), ("tan", 4)])
def test_double_precision_of_angles(name, ulp):
    rng = np.random.default_rng(3)
    turns = np.arange(-60_000, 60_000, 7) * (np.pi / 2)  # where results are small, and what is left of pi / 2 counts
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e22, -1e300])
    x = np.concatenate(
        [special, turns, np.nextafter(turns, 1e9), *[rng.uniform(-s, s, 20_000) for s in (1, 6, 1e5, 3e6)]]
    )
    got = getattr(dfdx.device("cpu").tensor(x), name)().array()
    with np.errstate(all="ignore"):
        want = REFERENCES[name](x.astype(np.longdouble))
        error = np.abs(got - want) / np.maximum(np.spacing(np.abs(want.astype(np.float64))), 5e-324)
    finite = np.isfinite(want)
    finite[7:9] = False  # huge angles are libm's
    assert error[finite].max() <= ulp
    assert np.array_equal(np.isnan(got), np.isnan(want))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sin", "cos", "tan", "exp"])
def test_neighbours_do_not_change_a_bit(name, dtype):
    x = np.random.default_rng(4).uniform(-50, 50, 4096).astype(dtype)
    mixed = x.copy()
    mixed[::5] = 1e9
    dev = dfdx.device("cpu")
    with np.errstate(all="ignore"):
        alone, beside = (getattr(dev.tensor(a), name)().array() for a in (x, mixed))
    assert np.array_equal(np.delete(alone, np.s_[::5]), np.delete(beside, np.s_[::5]))
