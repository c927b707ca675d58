"""`devices`: every known backend with its state, the reason, and what to do."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..core.plugins.host import host
from ..core.tables import text_table
from .probe import TIMEOUT, checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="load each plugin in a process of its own, with a time limit, and compute on it",
    )
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds that --check gives each (%(default)g)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    with _own_stdout():
        records = host().rows(probe=not options.check)
    if options.check:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(partial(checked, timeout=options.timeout), records))
    else:
        rows = [{**r.as_dict(), "check": ""} for r in records]
    if options.json:
        print(
            json.dumps(
                {"devices": [{k: v for k, v in r.items() if k not in ("trace", "findings")} for r in rows]},
                default=repr,
            )
        )
        return 0
    shown = [(r["name"], r["state"], r["package"], *([r["check"]] if options.check else []), _note(r)) for r in rows]
    print(text_table(shown, ("device", "state", "package", *(["self-test"] if options.check else []), "note")))
    return 0


def _note(row: dict[str, Any]) -> str:
    names = ", ".join(d["name"] for d in row["devices"] if d["name"])
    hint = f" (hint: {row['hint']})" if row["hint"] else ""
    return f"{row['reason']}{hint}" if row["reason"] else names


@contextlib.contextmanager
def _own_stdout() -> Iterator[None]:
    """What plugins, and C libraries under them, print meanwhile goes to stderr: our own output can still be parsed."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
