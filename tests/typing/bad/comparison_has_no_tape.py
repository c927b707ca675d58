"""Comparison has no tape."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
y = x.traced() > 0.0
y.any().backward()  # BAD: NoTapeError
