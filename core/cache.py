"""Where things are kept on disk that can be made again: compiled kernels, tuned choices."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(*parts: str) -> Path | None:
    """A folder below `DFDX_CACHE`, or below `dfdx` in the user's cache folder; it exists when this returns.

    None where nothing is to be kept (`DFDX_CACHE` is set and empty), where it cannot be made, and where it belongs to
    another user: compiled code from there is not run.
    """
    named = os.environ.get("DFDX_CACHE")
    if named == "":
        return None
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dfdx"
    path = base.joinpath(*parts)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
    except OSError:
        return None
    return path
