"""Backward without tape (row 67 of the reference)."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.sum().backward()  # BAD: NoTapeError
