"""`info`: what to paste into a bug report."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib import metadata

from ..core.tables import text_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(options: argparse.Namespace) -> int:
    print(f"Python   {sys.version.split()[0]} ({platform.python_implementation()}) on {platform.platform()}")
    for package in (
        "dfdx",
        "numpy",
        "pluggy",
        "array-api-compat",
        "ml_dtypes",
        "safetensors",
        "tqdm",
        "pyopencl",
        "cupy-cuda13x",
        "torch",
        "jax",
    ):
        try:
            print(f"{package:<17}{metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    from ..core.plugins.host import host

    print(
        text_table(
            [(r.name, r.state, r.package, r.reason) for r in host().rows()], ("device", "state", "package", "reason")
        )
    )
    return 0
