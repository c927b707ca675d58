"""Stack result axis."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank2, Tensor

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y: Tensor[Rank2[L[2], L[3]]] = dfdx.stack((x, x), axis=1)  # BAD
