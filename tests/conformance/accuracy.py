"""Comparing what a device gave with a reference value and its bound."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import DType
from .reference import Ref
from .reference.node import LARGEST

__all__ = ["Verdict", "compare", "same_bits", "to_host"]

SLACK = 1 + 1e-6  # the bound itself is computed in float64


class Verdict(NamedTuple):
    """Whether every element is within its bound, the worst observed / allowed, and a sentence about the worst element."""

    ok: bool
    ratio: float
    detail: str = ""


def to_host(t: Any) -> np.ndarray[Any, Any]:
    """A tensor's values as NumPy stores them."""
    return np.asarray(t.array())


def compare(
    got: np.ndarray[Any, Any], want: Ref, dtype: type[DType], factor: float = 1.0, signed: bool = False
) -> Verdict:
    """Each element of `got` against value and bound; `factor` widens the bound (gradients: 2).

    NaN must meet NaN and infinity the same infinity; an infinite bound (an intermediate may overflow) allows anything. Where a value may overflow the dtype, infinity is right too. With
    `signed` a zero must have the right sign.
    """
    if got.shape != want.shape:
        return Verdict(False, np.inf, f"shape {got.shape}, not {want.shape}")
    if not dtype.is_float:
        return _exactly(got, want.v.astype(dtype.numpy) if want.v.dtype.kind != "f" else want.v)
    top = LARGEST[dtype.storage]
    with np.errstate(all="ignore"):
        x, v = got.astype(np.float64), want.v.astype(np.float64)
        e = np.nan_to_num(want.e, nan=0.0, posinf=np.inf) * factor * SLACK
        off = np.abs(x - v)
        off = np.where(np.isnan(v), np.where(np.isnan(x), 0.0, np.inf), np.where(np.isnan(x), np.inf, off))
        off = np.where(np.isinf(v), np.where(x == v, 0.0, np.inf), off)
        overflow = np.isinf(x) & np.isfinite(v) & (np.abs(v) + e >= top) & (np.sign(x) == np.sign(v))
        off = np.where(overflow, 0.0, off)
        off = np.where(signed & (v == 0) & (x == 0) & (np.signbit(x) != np.signbit(v)), np.inf, off)
        ratio = np.where((off == 0) | np.isinf(e), 0.0, np.where(e > 0, off / np.where(e > 0, e, 1.0), np.inf))
    if not ratio.size:
        return Verdict(True, 0.0)
    at = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    worst = float(ratio[at])
    if worst <= 1.0:
        return Verdict(True, worst)
    where = list(map(int, at))
    n = int((ratio > 1).sum())
    detail = f"element {where} is {x[at]:.9g}, not {v[at]:.9g}"
    detail += f" within {e[at]:.3g} ({worst:.3g} times what is allowed)" if e[at] > 0 else " exactly"
    return Verdict(False, worst, detail + (f"; {n} of {ratio.size} elements are off" if n > 1 else ""))


def _exactly(got: np.ndarray[Any, Any], want: np.ndarray[Any, Any]) -> Verdict:
    bad = got != want
    if not bad.any():
        return Verdict(True, 0.0)
    at = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.shape else ()
    return Verdict(
        False,
        np.inf,
        f"element {list(map(int, at))} is {got[at]}, not {want[at]}; {int(bad.sum())} of {bad.size} elements are off",
    )


def same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays are the same bit for bit, any NaN being as good as another."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "iub":
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):  # signalling NaN
        x, y = a.astype(np.float64), b.astype(np.float64)
    return bool(
        np.array_equal(x, y, equal_nan=True)
        and np.array_equal(np.signbit(x) | np.isnan(x), np.signbit(y) | np.isnan(y))
    )
