"""Array shape (row 64 of the reference)."""

from __future__ import annotations

from typing import Any

import numpy as np

import dfdx
from dfdx import L

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
a: np.ndarray[tuple[L[3], L[2]], np.dtype[Any]] = x.array()  # BAD
