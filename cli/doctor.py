"""`doctor DEVICE`: what is wrong with a device, with the whole traceback, and what to do."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.plugins.host import State, host
from .devices import checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", help="a device name, e.g. cuda")


def run(options: argparse.Namespace) -> int:
    h = host()
    name = options.device.partition(":")[0]
    if name not in h.records:
        print(h._unknown(name))
        return 1
    r = h.records[name]
    row = checked(r)
    crashed = (row["state"] == "failed" and "process that loaded it" in row["reason"]) or "no answer" in row["reason"]
    if not crashed and r.state is State.FOUND:
        h._bring_up(r)
        row = {**r.as_dict(), "check": row["check"]}
    print(f"device   {name}\npackage  {r.package}\nmodule   {r.entry.value}\nstate    {row['state']}")
    for key in ("reason", "hint", "check"):
        if row.get(key):
            print(f"{key:<8} {row[key]}")
    if r.trace and r.state is State.FAILED:
        print("\n" + r.trace)
    for loser in h.losers:
        if loser.name == name:
            print(f"also     {loser.package}: {loser.state} ({loser.reason})")
    if r.plugin is not None and not crashed:
        for c in h._contain(r, "backend_diagnose", lambda: _diagnose(r)) or []:
            print(f"{'ok ' if c.ok else 'BAD'}      {c.name}: {c.detail}" + (f" (hint: {c.hint})" if c.hint else ""))
    return 0 if row["state"] in ("ready", "partial", "unavailable") else 1


def _diagnose(record: Any) -> list[Any]:
    function = getattr(getattr(record, "plugin", None), "backend_diagnose", None)
    return list(function()) if function is not None else []
