"""Sizes of this machine's caches."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["cache_bytes"]


@cache
def cache_bytes(level: int = 3) -> int:
    """Bytes of the cache of that level, as the system tells; a cautious guess where it does not."""
    base = Path("/sys/devices/system/cpu/cpu0/cache")
    for index in range(6):
        try:
            if (base / f"index{index}/level").read_text().strip() == str(level):
                text = (base / f"index{index}/size").read_text().strip()
                return int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]]
        except (OSError, KeyError, ValueError):
            break
    return {1: 32 << 10, 2: 512 << 10}.get(level, 16 << 20)
