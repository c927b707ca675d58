"""The demo, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys


def run(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "dfdx", *arguments], capture_output=True, text=True, cwd=cwd)


def test_demo_learns_repeats_itself_and_its_last_lines_run(tmp_path):
    results = []
    for folder in ("a", "b"):
        done = run("demo", "--json", "--device", "cpu", "--seed", "0", "--out", folder, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "\r" not in done.stdout + done.stderr and "\x1b" not in done.stdout + done.stderr
        results.append((json.loads(done.stdout.splitlines()[-1]), done.stdout))
    (first, text), (second, _) = results
    assert (
        first["test_accuracy"] >= 0.96 and first["seconds"] < 60 and first["device"] == "cpu" and first["epochs"] == 15
    )
    assert first["test_accuracy"] == second["test_accuracy"]
    assert (tmp_path / first["checkpoint"]).read_bytes() == (tmp_path / second["checkpoint"]).read_bytes()
    lines = text.splitlines()
    at = lines.index("to use it:")
    pasted = "\n".join(line.strip() for line in lines[at + 1 : at + 3])
    done = subprocess.run([sys.executable, "-c", pasted], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("predicted"), done.stderr


def test_command_line(tmp_path):
    devices = json.loads(run("devices", "--json", cwd=tmp_path).stdout)["devices"]
    states = {d["name"]: d["state"] for d in devices}
    assert (
        states["cpu"] == "ready"
        and states["null"] == "ready"
        and set(devices[0]) >= {"name", "state", "reason", "hint", "package"}
    )
    for arguments, fact in [
        (["explain", "softmax", "--device", "cpu"], "row kernel"),
        (["explain", "matmul"], "backends.cpu.matmul"),
        (["doctor", "cuda"], "state    unavailable"),
        (["doctor", "cpu"], "ok"),
        (["ops", "--device", "cpu"], "logsumexp"),
        (["info"], "numpy"),
        ([], "demo"),
    ]:
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 0 and fact in done.stdout, (arguments, done)
    done = run("demo", "--device", "nonsense", cwd=tmp_path)
    assert done.returncode == 1 and "no backend named 'nonsense'" in done.stderr and "Traceback" not in done.stderr
