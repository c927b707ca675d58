"""Not of floats."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((3,))
~x  # BAD: DTypeError
