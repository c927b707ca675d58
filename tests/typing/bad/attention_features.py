"""Attention features."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
q = dev.zeros((5, 18))
k = dev.zeros((7, 9))
v = dev.zeros((7, 9))
q.attention(k, v)  # BAD: ShapeError
