"""Training steps of the MNIST perceptron, where the matrix products count."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .harness import Row
from .steps import dfdx_step, jax_step, numbers, torch_step

__all__ = ["ROWS"]

WIDTHS = (784, 512, 128, 32, 10)
LAYERS = [part for i, o in pairwise(WIDTHS) for part in (("linear", i, o), ("relu",))][:-1]


def _row(batch: int, eager: float, captured: float) -> Row:
    labels = np.random.default_rng(1).integers(0, 10, batch)
    job: dict[str, Any] = {
        "layers": LAYERS,
        "x": numbers(batch, WIDTHS[0]),
        "y": labels,
        "loss": "classes",
        "adam": True,
    }
    return Row(
        f"MNIST MLP + Adam, batch {batch}",
        {
            "eager": partial(dfdx_step, **job),
            "captured": partial(dfdx_step, **job, captured=True),
            "torch": partial(torch_step, **job),
            "jax": partial(jax_step, **job),
        },
        eager,
        captured,
    )


ROWS = (_row(32, 0.8, 0.5), _row(256, 0.8, 0.7))
