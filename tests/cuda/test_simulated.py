"""The CUDA backend from end to end on a simulated machine (`simulator/`), in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyopencl")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(HERE / "simulator")}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=env, cwd=cwd)


def test_its_cases():
    done = run(
        "-m",
        "pytest",
        "-o",
        "addopts=--import-mode=importlib --confcutdir=tests",
        "-p",
        "no:cacheprovider",
        str(HERE / "simulator" / "cases.py"),
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and " skipped" not in done.stdout


def test_the_check_for_a_gpu_judges(tmp_path):
    """`tools/gpu_check.py` with small benchmarks, without what takes minutes here: the whole kit and 10,000 steps."""
    parts = ("demo", "out_of_memory", "graphs", "speed")
    script = str(ROOT / "tools" / "gpu_check.py")
    done = run(script, "--scale", "0.0001", "--seconds", "0.01", "--parts", ",".join(parts), cwd=tmp_path)
    report = json.loads((tmp_path / "gpu_report.json").read_text())
    assert done.returncode == 0 and report["verdict"] == "sound", done.stdout
    assert report["hardware"].startswith("Simulated") and all(report[p]["ok"] for p in parts)
    assert len(report["speed"]["rows"]) == 26
