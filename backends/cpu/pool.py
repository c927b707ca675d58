"""Pooling by machine code; where there is none, core's composites serve."""

from __future__ import annotations

from typing import Any

from .native.pool import pool_gradient, pool_kernel


def register(registry: Any) -> None:
    registry.kernel("pool2d", specialize=True)(pool_kernel)
    registry.kernel("pool2d.backward", specialize=True)(pool_gradient)
