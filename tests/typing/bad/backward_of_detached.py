"""Backward of detached."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
x.traced().detach().sum().backward()  # BAD: NoTapeError
