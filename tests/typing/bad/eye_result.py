"""Eye result."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x: Tensor[Rank2[L[3], L[4]]] = dev.eye(3)  # BAD
