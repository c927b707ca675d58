"""`ops`: every op, its family and kind; with a device, how that device runs it."""

from __future__ import annotations

import argparse

from ..core.plugins.host import host
from ..core.public import device
from ..core.registry import OPS
from ..core.tables import text_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="also say how this device runs each op")


def run(options: argparse.Namespace) -> int:
    from ..core.dispatch import explain

    host().load_ops()
    dev = device(options.device) if options.device else None
    rows = []
    for spec in sorted(OPS.values(), key=lambda s: (s.family, s.name)):
        path = ((explain(spec.name, dev) or ["missing"])[0],) if dev else ()
        rows.append((spec.name, spec.family, spec.kind, *path))
    print(text_table(rows, ("op", "family", "kind", *(["on " + options.device] if dev else []))))
    return 0
