"""Benchmarks, always side by side with what a user would pick instead: `python -m dfdx bench`.

One file per family; each has a `ROWS` table of `Row`s, which `compare` measures.
"""

from . import eager, kernels, mlp, models
from .harness import OURS, Row, Timing, Work, compare, measure, ratio
from .imports import measure_import, measure_memory, measure_start
from .machine import limits

ROWS: tuple[Row, ...] = (*eager.ROWS, *mlp.ROWS, *models.ROWS, *kernels.ROWS)

__all__ = [
    "OURS", "ROWS", "Row", "Timing", "Work", "compare", "limits", "measure", "measure_import", "measure_memory",
    "measure_start", "ratio",
]  # fmt: skip
