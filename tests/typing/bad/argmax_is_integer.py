"""Argmax is integer."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
x.argmax(1).exp()  # BAD: DTypeError
