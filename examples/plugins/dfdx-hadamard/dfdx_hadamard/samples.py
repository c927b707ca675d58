"""What the conformance kit knows of the op: samples, a float64 reference that shares no code with it, calls that must be refused."""

from __future__ import annotations

from typing import Any

import numpy as np

import dfdx
from dfdx.conformance import ErrorSample, OpInfo, S, normal, reference

from .plugin import hadamard


def _matrix(n: int) -> np.ndarray[Any, Any]:
    """H by its definition."""
    both = np.arange(n)[:, None] & np.arange(n)
    return np.where(np.bitwise_count(both) % 2, -1.0, 1.0)


def _reference(x: Any) -> Any:
    rows = reference.reshape(x, (-1, x.shape[-1]))
    return reference.reshape(reference.matmul(rows, _matrix(x.shape[-1])), x.shape)


INFO = OpInfo(
    "hadamard",
    _reference,
    (
        S("vector", normal(8)),
        S("rows", normal(3, 16)),
        S("one", normal(5, 1)),
        S("cube", normal(2, 3, 4)),
        S("no rows", normal(0, 4)),
        S("large", normal(33, 1024)).at("standard"),
    ),
    composite=True,
    family="transform",
    errors=(
        ErrorSample(
            "length 6",
            lambda d: hadamard(d.ones((2, 6))),
            dfdx.ShapeError,
            ("[hadamard]", "x.shape[-1] = 6", "power of two"),
        ),
        ErrorSample("rank 0", lambda d: hadamard(d.ones(())), dfdx.ShapeError, ("[hadamard]", "x.rank = 0")),
        ErrorSample("integers", lambda d: hadamard(d.ones((4,), "i64")), dfdx.DTypeError, ("[hadamard]", "i64[4]")),
    ),
)
