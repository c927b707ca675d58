"""`cache [clear]`: what is kept on disk that can be made again, and its removal."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.cache import cache_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show")


def run(options: argparse.Namespace) -> int:
    folder = cache_folder()
    if folder is None:
        print("nothing is kept: DFDX_CACHE is empty, or the folder cannot be used")
        return 0
    total = 0
    for part in sorted(p for p in folder.iterdir() if p.is_dir() and p.name != "demo"):
        files = [f for f in part.rglob("*") if f.is_file()]
        size = sum(f.stat().st_size for f in files)
        total += size
        print(f"{part.name:8} {len(files):6,} files {size / 2**20:9.2f} MiB")
        if options.action == "clear":
            _remove(files)
    print(f"{'removed' if options.action == 'clear' else 'kept'} {total / 2**20:.2f} MiB in {folder}")
    return 0


def _remove(files: list[Path]) -> None:
    """Delete files; one that another process has just removed is no error."""
    for f in files:
        f.unlink(missing_ok=True)
