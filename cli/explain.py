"""`explain OP --device D`: the ways in which a device can run an op, best first."""

from __future__ import annotations

import argparse
import difflib

from ..core.ops._define import FUNCTIONS
from ..core.plugins.host import host
from ..core.public import device
from ..core.registry import OPS, known_ops


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("op")
    parser.add_argument("--device", default="cpu")


def run(options: argparse.Namespace) -> int:
    from ..core.dispatch import explain

    host().load_ops()
    names = {alias: s.name for s in OPS.values() for alias in s.aliases}
    name = names.get(options.op, options.op)
    known = known_ops() | FUNCTIONS.keys()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        print(f"unknown op {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return 1
    paths = explain(name, device(options.device))
    print(f"{name} on {options.device}:")
    for i, path in enumerate(paths or ["missing: MissingKernelError"]):
        print(f"  {i + 1}. {path}")
    spec = OPS.get(name)
    doc = spec.doc if spec is not None else (FUNCTIONS[name].__doc__ or "").split("\n")[0] if name in FUNCTIONS else ""
    if doc:
        print(f"  {doc}")
    return 0
