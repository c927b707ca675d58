"""Nominal dims."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")


class Batch(int):
    """The number of items in a batch."""


def f(n: Batch) -> None:
    x = dev.zeros((n, 10))
    y = x @ dev.ones((10, 3))
    z = y + dev.ones((n, 3))
    print(z.sum(0).shape)


f(Batch(4))
