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


def test_the_demo_learns(tmp_path):
    done = run("-m", "dfdx", "demo", "--device", "cuda", "--json", "--out", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["device"] == "cuda" and found["test_accuracy"] > 0.96
