"""`devices`: every known backend with its state, the reason, and what to do."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from ..core.plugins.host import Record, State, host
from .table import table

TIMEOUT = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="load each plugin in a process of its own, with a time limit, and compute on it",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    records = host().rows(probe=not options.check)
    rows = [checked(r) if options.check else {**r.as_dict(), "check": ""} for r in records]
    if options.json:
        print(json.dumps({"devices": rows}))
        return 0
    shown = [(r["name"], r["state"], r["package"], *([r["check"]] if options.check else []), _note(r)) for r in rows]
    print(table(shown, ("device", "state", "package", *(["self-test"] if options.check else []), "note")))
    return 0


def _note(row: dict[str, Any]) -> str:
    names = ", ".join(d["name"] for d in row["devices"] if d["name"])
    hint = f" (hint: {row['hint']})" if row["hint"] else ""
    return f"{row['reason']}{hint}" if row["reason"] else names


_CHECK = (
    "import json, sys, time; import dfdx; from dfdx.core.plugins.host import host; h = host(); n = sys.argv[1]\n"
    "h.rows() if n not in h.records else h._bring_up(h.records[n]) if h.records[n].state == 'found' else None\n"
    "out = h.records[n].as_dict(); out['check'] = ''\n"
    "if out['state'] in ('ready', 'partial') and n != 'null':\n"
    "    t = time.perf_counter(); d = dfdx.device(n); ok = (d.tensor([1.0, 2.0, 3.0]) * 2.0).tolist() == [2.0, 4.0, 6.0]\n"
    "    out['check'] = ('ok' if ok else 'WRONG') + f' {(time.perf_counter() - t) * 1e3:.0f} ms'\n"
    "print('\\n@' + json.dumps(out))"
)


def checked(record: Record, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The record after loading the plugin in a process of its own: a crash, a hang or rubbish on stdout stays there."""
    row = {**record.as_dict(), "check": ""}
    if record.state is not State.FOUND:
        return row
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHECK, record.name], capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return {
            **row,
            "state": "failed",
            "reason": f"import: no answer within {timeout:.0f} s",
            "hint": f"DFDX_BLOCK={record.name} leaves it out",
        }
    found = [line for line in done.stdout.splitlines() if line.startswith("@{")]
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        what = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        return {
            **row,
            "state": "failed",
            "reason": f"the process that loaded it ended: {what}: {last}",
            "hint": f"DFDX_BLOCK={record.name} leaves it out",
        }
    return json.loads(found[-1][1:])
