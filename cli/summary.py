"""`summary FILE`: what a checkpoint holds."""

from __future__ import annotations

import argparse

from ..core.tables import text_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="an .npz or .safetensors checkpoint")


def run(options: argparse.Namespace) -> int:
    from ..nn.checkpoint import load_arrays

    arrays = load_arrays(options.file)
    rows = [(k, str(a.dtype), list(a.shape), f"{a.size:,}") for k, a in arrays.items()]
    print(text_table(rows, ("tensor", "dtype", "shape", "elements")))
    print(
        f"{sum(a.size for a in arrays.values()):,} elements, {sum(a.nbytes for a in arrays.values()) / 2**20:.2f} MiB"
    )
    return 0
