"""The ints whose value survives inference in mypy, pyright and ty.

They keep `Literal[n]` in a solved variable only if its bound is a union of literals that `int` itself does not satisfy. The
cost is linear in the table (pyright: 8 ms a constructor call at 64 entries, 18 ms at 256, 85 ms at 1024), so it is chosen: all
to 20, round numbers, powers of two, image sizes, vocabularies. Others are `int` there; pyrefly and the mypy plugin keep them.
"""

from __future__ import annotations

__all__ = ["literals"]

ROUND = {36, 40, 48, 50, 60, 80, 96, 100, 150, 160, 192, 200, 300, 320, 384, 400, 500, 600, 640, 768, 800, 1000, 1536, 2304, 3072,
         10000}  # fmt: skip
IMAGES = {28, 112, 224, 784}
VOCABULARIES = {32000, 50257, 50304}


def literals() -> list[int]:
    """The table, sorted."""
    return sorted({*range(21), 24, 25, *(2**k for k in range(17)), *ROUND, *IMAGES, *VOCABULARIES})
