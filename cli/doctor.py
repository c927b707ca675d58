"""`doctor DEVICE`: what is wrong with a device or an op plugin, with the whole traceback, and what to do."""

from __future__ import annotations

import argparse

from ..core.plugins.host import host
from .probe import TIMEOUT, checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", help="a device name, e.g. cuda, or the name of an op plugin")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds that it is given (%(default)g)")


def run(options: argparse.Namespace) -> int:
    h = host()
    name = options.device.partition(":")[0]
    r = h.records.get(name) or next((o for o in h.op_records if o.name == name), None)
    if r is None:
        print(h.unknown(name))
        return 1
    row = checked(r, options.timeout)
    print(
        f"{'device' if name in h.records else 'ops':<8} {name}\npackage  {r.package}\nmodule   {r.entry.value}\nstate    {row['state']}"
    )
    for key in ("reason", "hint", "check"):
        if row.get(key):
            print(f"{key:<8} {row[key]}")
    if row["trace"] and row["state"] == "failed":
        print("\n" + row["trace"])
    for loser in h.losers:
        if loser.name == name:
            print(f"also     {loser.package}: {loser.state} ({loser.reason})")
    for c in row["findings"]:
        print(
            f"{'ok ' if c['ok'] else 'BAD'}      {c['name']}: {c['detail']}"
            + (f" (hint: {c['hint']})" if c["hint"] else "")
        )
    return 0 if row["state"] in ("ready", "partial", "unavailable") else 1
