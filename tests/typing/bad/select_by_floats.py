"""Select by floats."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
x = dev.zeros((2, 3))
i = dev.zeros((2,))
x.select(i, axis=1)  # BAD: DTypeError
