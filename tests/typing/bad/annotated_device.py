"""Annotated device."""

from __future__ import annotations

import dfdx
from dfdx import Cuda, L, Rank1, Tensor, f32

dev = dfdx.device("cpu")
x: Tensor[Rank1[L[3]], f32, Cuda] = dev.zeros((3,))  # BAD
