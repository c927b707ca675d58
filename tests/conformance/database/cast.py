"""Between dtypes: saturating, truncating, NaN to 0; one rounding between floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtypes import DTYPES, DType
from .. import reference as R
from ..info import OpInfo, add
from ..reference import Ref
from ..samples import S, normal, values

BIG = (0.0, -0.0, 0.4, -0.6, 1.5, -1.5, 127.5, 128.0, 255.0, 256.0, -129.0, 3e4, 6e4, -6e4)


def saturated(v: Any, to: type[DType]) -> Any:
    """Exact conversion of Python numbers, one by one."""
    info = np.iinfo(to.numpy)

    def one(x: Any) -> int:
        if x != x:
            return 0
        if x in (float("inf"), float("-inf")):
            return int(info.max) if x > 0 else int(info.min)
        return min(max(int(x), int(info.min)), int(info.max))

    return np.array([one(x) for x in v.reshape(-1).tolist()], to.numpy).reshape(v.shape)


def wrapped(v: Any, to: type[DType]) -> Any:
    """Between integers: the low bits."""
    bits = to.bits
    each = [int(x) & (2**bits - 1) for x in v.reshape(-1).tolist()]
    if to.kind == "int":
        each = [x - 2**bits if x >= 2 ** (bits - 1) else x for x in each]
    return np.array(each, to.numpy).reshape(v.shape)


def cast(x: Any, dtype: str) -> Any:
    to = DTYPES[dtype]
    if to.kind == "bool":
        return Ref(x.v != 0)
    if to.is_int:
        return Ref(
            saturated(x.v, to) if x.is_float else wrapped(x.v.astype(np.int64) if x.v.dtype == bool else x.v, to)
        )
    v = x.v.astype(np.float64)
    with np.errstate(all="ignore"):
        exact = v.astype(to.numpy).astype(np.float64) == v
    half = 0.5 * R.spacing(to, v)
    if to.compute is not to:  # on the way from f64 a 16-bit float may pass through f32
        half = half + 0.5 * R.spacing(to.compute, v)
    e = np.where(exact | ~np.isfinite(v), 0.0, half)
    return Ref(v, np.maximum(e, np.broadcast_to(x.e, v.shape)), (x,) if x.is_float else (), _back)


def _back(g: Ref) -> tuple[Ref]:
    """The gradient is cast to the dtype of the input."""
    return (Ref(g.v, g.e + 0.5 * R.spacing(R.now().storage, g.v)),)


for _to in DTYPES:
    add(OpInfo(f"to {_to}", cast, (
        S("matrix", normal(3, 4), dtype=_to), S("empty", normal(0, 2), dtype=_to), S("rank-0", normal(), dtype=_to),
        S("saturation", values(*BIG), dtype=_to).only("float").without_gradient(),
        S("special", values(float("nan"), float("inf"), float("-inf"), -0.0), dtype=_to).only("float").without_gradient(),
        S("large", normal(257, 263), dtype=_to).at("standard"),
    ), call=lambda x, dtype: x.to_dtype(dtype), covers=("cast", "to_dtype"), takes="any", gives=_to, view=True, grad=DTYPES[_to].is_float, family="cast"))  # fmt: skip
