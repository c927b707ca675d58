"""How long each type checker takes on a training script of 500 lines, cold: `python tools/typing_cost.py [--docs]`.

The script is nine of the examples, each as a function. `--docs` rewrites the table in docs/static-shapes.md from this run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from typing_matrix import CHECKERS, CONFIGS, installed  # noqa: E402

PARTS = (
    "06_custom_module",
    "07_training",
    "12_mnist",
    "dqn",
    "multi_headed",
    "ppo",
    "resnet18",
    "small_gpt",
    "train_loop",
)
OTHERS = {  # what a checker takes without us
    "a script of `import numpy`": "import numpy as np\n\nprint(np.zeros(3))\n",
    "a script of one line": "x = 1\n",
}


class Cost(NamedTuple):
    """Of one run."""

    cpu: float  # seconds of user and system time
    wall: float  # seconds
    clean: bool


def script() -> str:
    """The training script."""
    out = ["from __future__ import annotations\n"]
    for name in PARTS:
        lines = (ROOT / "examples" / f"{name}.py").read_text("utf-8").splitlines()
        body = "\n".join(f"    {line}".rstrip() for line in lines if not line.startswith("from __future__"))
        out.append(f"\ndef program_{name}() -> None:\n{body}\n")
    return "\n".join(out)


def cost(checker: str, text: str) -> Cost:
    """One checker on one program, with no cache of a former run."""
    with tempfile.TemporaryDirectory() as folder:
        for file, config in CONFIGS.items():
            (Path(folder) / file).write_text(config, "utf-8")
        (Path(folder) / "script.py").write_text(text, "utf-8")
        before, start = os.times(), time.perf_counter()
        done = subprocess.run([*CHECKERS[checker][1], "script.py"], cwd=folder, capture_output=True, text=True)
        wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(cpu, wall, done.returncode == 0)


def table(rounds: int) -> str:
    """A row per program, a column per checker."""
    programs = {f"{script().count(chr(10))} lines of training": script(), **OTHERS}
    rows = [
        "| seconds of CPU time (of the clock) | " + " | ".join(installed()) + " |",
        "|---" * (len(installed()) + 1) + "|",
    ]
    for name, text in programs.items():
        found = {c: min(cost(c, text) for _ in range(rounds)) for c in installed()}
        for checker in (c for c, f in found.items() if not f.clean):
            print(f"{checker} complains of {name}", file=sys.stderr)
        rows.append(f"| {name} | " + " | ".join(f"{f.cpu:.1f} ({f.wall:.1f})" for f in found.values()) + " |")
    load = os.getloadavg()[0]
    return "\n".join([*rows, f"\nOn {os.cpu_count()} cores, at a load of {load:.1f} of other work."])


def main(arguments: list[str]) -> int:
    """Print the table, or put it in the page."""
    text = table(1)
    print(text)
    if "--docs" in arguments:
        from stubs.docs import replace

        replace(ROOT / "docs" / "static-shapes.md", {"cost": text})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
