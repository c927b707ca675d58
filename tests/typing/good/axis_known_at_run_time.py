"""Axis known at run time."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")


def total(axis: int) -> None:
    t = dev.ones((7, 2, 3))
    s = t.sum((axis,))
    print(s.shape, t.softmax((axis,)).shape)


total(1)
