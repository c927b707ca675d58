"""How a tensor shows itself."""

from __future__ import annotations

import numpy as np

from .cell import Empty
from .interop import array
from .tensor import Tensor, method

__all__ = ["tensor_repr"]


def tensor_repr(t: Tensor) -> str:
    """Values, then dtype, shape, device, and whether it owns a tape."""
    tape = ", owns a tape" if t._tape is not None else ""
    footer = f"{t.type_text} on {t.device.name}{tape})"
    if isinstance(t._cell.array, Empty):
        return f"tensor([], {footer}"
    if t.device.name == "null":
        return f"tensor(no values, {footer}"
    a = array(t)
    if t.dtype.storage == "bf16":
        a = a.astype(np.float32)
    body = np.array2string(a, separator=", ", prefix="tensor(", threshold=1000, precision=4)
    joint = ", " if "\n" not in body else ",\n       "
    return f"tensor({body}{joint}{footer}"


method(tensor_repr, "__repr__")


def _html(t: Tensor) -> str:
    from html import escape

    return f"<pre>{escape(tensor_repr(t))}</pre>"


method(_html, "_repr_html_")
