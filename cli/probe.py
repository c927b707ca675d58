"""Loads one plugin in this process, computes on its device, and writes what came of it to a file.

`devices --check` and `doctor` run it as a process of its own: what crashes, hangs or prints rubbish does so there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.plugins.host import Record, State, host

__all__ = ["TIMEOUT", "checked"]

TIMEOUT = 60.0


def checked(record: Record, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The record as a dict after loading the plugin in a process of its own, with `check`, `trace` and `findings`.

    * `timeout`: seconds after which the process, and all that it started, is ended.
    """
    row = {**record.as_dict(), "check": "", "trace": record.trace, "findings": []}
    if record.state is not State.FOUND:
        return row
    with tempfile.TemporaryDirectory() as folder:
        result, errors = Path(folder, "result.json"), Path(folder, "errors.txt")
        reason = _ended(record.name, result, errors, timeout)
        if result.exists():
            row = json.loads(result.read_text("utf-8"))
        if reason and row["state"] == "found":
            row |= {"state": "failed", "reason": reason, "hint": f"DFDX_BLOCK={record.name} leaves it out"}
        elif reason:
            row["findings"].append(_bad("backend_diagnose", reason))
    return row


def _bad(name: str, detail: str) -> dict[str, Any]:
    return {"name": name, "ok": False, "detail": detail, "hint": ""}


def _ended(name: str, result: Path, errors: Path, timeout: float) -> str:
    """Run the process; returns how it ended, or "" if well. Files, not pipes: a grandchild may hold a pipe open for ever."""
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, name, str(result)], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"no answer within {timeout:g} s"
        finally:
            _end_group(process)
    if status == 0:
        return ""
    last = (errors.read_text("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
    what = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return f"the process that loaded it ended: {what}: {last}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):  # no process groups here, or all have ended
        process.kill()
    process.wait()


def main(name: str, result: str) -> None:
    """In the process of its own."""
    h = host()
    record = next(r for r in [*h.records.values(), *h.op_records] if r.name == name)
    if record in h.op_records:
        h.load_ops()
    else:
        h.bring_up(record)
    row = {
        **record.as_dict(),
        "check": _computes(name) if record.devices else "",
        "trace": record.trace,
        "findings": [],
    }
    _write(result, row)
    row["findings"] = [asdict(c) for c in h.diagnose(record)]
    _write(result, row)


def _write(path: str, row: dict[str, Any]) -> None:
    Path(path + ".new").write_text(json.dumps(row, default=repr), "utf-8")
    os.replace(path + ".new", path)


def _computes(name: str) -> str:
    """A product on the device, and how long it took with all that came before."""
    if name == "null":
        return ""
    from ..core.public import device

    start = time.perf_counter()
    try:
        good = (device(name).tensor([1.0, 2.0, 3.0]) * 2.0).tolist() == [2.0, 4.0, 6.0]
    except Exception as e:
        return f"FAILED {type(e).__name__}: {e}"
    return ("ok" if good else "WRONG") + f" {(time.perf_counter() - start) * 1e3:.0f} ms"


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # threads that the plugin started must not keep the process
