"""Annotated tape."""

from __future__ import annotations

import dfdx
from dfdx import Cpu, L, NoTape, Rank1, Tensor, f32

dev = dfdx.device("cpu")
x: Tensor[Rank1[L[3]], f32, Cpu, NoTape] = dev.zeros((3,)).traced()  # BAD
