"""Training steps of a small convolutional network and of a transformer block."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .harness import Row
from .steps import dfdx_step, numbers, torch_step

__all__ = ["BLOCK", "ROWS"]

LENET = [
    ("conv", 1, 16, 3), ("relu",), ("conv", 16, 32, 3), ("relu",), ("pool", 2, 2), ("flatten",), ("linear", 32 * 144, 10),
]  # fmt: skip
_labels = np.random.default_rng(1).integers(0, 10, 64)
_lenet: dict[str, Any] = {"layers": LENET, "x": numbers(64, 1, 28, 28), "y": _labels, "loss": "classes", "adam": True}
_x, _y = numbers(8, 128, 256), numbers(8, 128, 256, seed=1)
BLOCK: dict[str, Any] = {"layers": [("block", 256, 8, 1024)], "x": _x, "y": _y, "loss": "mse", "adam": True}

ROWS = (
    Row(
        "LeNet-like CNN + Adam, batch 64",
        {
            "eager": partial(dfdx_step, **_lenet),
            "captured": partial(dfdx_step, **_lenet, captured=True),
            "torch": partial(torch_step, **_lenet),
            "torch channels-last": partial(torch_step, **_lenet, channels_last=True),
        },
        0.8,
        0.6,
    ),
    Row(
        "transformer block 256 + Adam, 8x128",
        {
            "eager": partial(dfdx_step, **BLOCK),
            "captured": partial(dfdx_step, **BLOCK, captured=True),
            "torch": partial(torch_step, **BLOCK),
        },
        0.8,
        0.65,
    ),
)
