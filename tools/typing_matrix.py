"""Runs every installed type checker over the programs in tests/typing, one process each: `python tools/typing_matrix.py [--docs]`.

`--docs` rewrites the table and the messages in docs/static-shapes.md from this run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "typing"
BIN = Path(sys.executable).parent

# name -> (module that is there if it is installed, command)
CHECKERS: dict[str, tuple[str, list[str]]] = {
    "mypy": ("mypy", [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", ".mypy", "--no-error-summary", "--no-pretty"]),
    "mypy+plugin": ("mypy", [sys.executable, "-m", "mypy", "--config-file", "plugin.ini", "--cache-dir", ".plugin", "--no-error-summary", "--no-pretty"]),
    "pyright": ("pyright", [str(BIN / "pyright"), "--pythonpath", sys.executable]),
    "basedpyright": ("basedpyright", [str(BIN / "basedpyright"), "--pythonpath", sys.executable]),
    "ty": ("ty", [str(BIN / "ty"), "check", "--python", sys.prefix, "--output-format", "concise"]),
    "pyrefly": ("pyrefly", [str(BIN / "pyrefly"), "check", "--python-interpreter-path", sys.executable, "--output-format", "min-text"]),
}  # fmt: skip
CONFIGS = {
    "mypy.ini": "[mypy]\nstrict = True\nwarn_return_any = False\npython_version = 3.11\n",
    "plugin.ini": "[mypy]\nstrict = True\nwarn_return_any = False\npython_version = 3.11\nplugins = dfdx.mypy_plugin\n",
    "pyrightconfig.json": '{"typeCheckingMode": "standard", "pythonVersion": "3.11"}',
    "pyrefly.toml": "",
}
_ERROR = re.compile(r"(?:^|\s|/)((?:good|bad)/\w+\.py):(\d+)")
_REVEALED = re.compile(
    r'hovers\.py:(\d+).*?(?:[Rr]evealed type(?: is|:)|Type of ".*?" is) ["`]?(.*?)["`]?(?: \[reveal-type\])?$'
)
_NO_ERROR = re.compile(r"\bwarning\b|\bnote:|info\[|^ INFO|\binformation\b|warning\[", re.IGNORECASE)


class Run(NamedTuple):
    """What one checker said: errors by program, as (line, message); types by line of hovers.py; seconds."""

    errors: dict[str, list[tuple[int, str]]]
    revealed: dict[int, str]
    seconds: float


def installed() -> list[str]:
    """Checkers that can run here."""
    found = [n for n, (module, _) in CHECKERS.items() if find_spec(module) is not None]
    if "mypy+plugin" in found and find_spec("dfdx.mypy_plugin") is None:
        found.remove("mypy+plugin")
    if "pyrefly" in found and find_spec("shape_extensions") is None:
        found.remove("pyrefly")
    return found


def programs(kind: str) -> list[Path]:
    """The good or the bad ones."""
    return sorted((PROGRAMS / kind).glob("*.py"))


def examples() -> list[Path]:
    """The repository's own examples, which are good programs, too."""
    return sorted(p for p in (ROOT / "examples").rglob("*.py") if "plugins" not in p.parts)


def run(name: str) -> Run:
    """One checker over all programs, in a folder of its own so that no other configuration or source is found."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for kind in ("good", "bad"):
            (work / kind).mkdir()
            for p in programs(kind):
                shutil.copy(p, work / kind / p.name)
        for p in examples():
            shutil.copy(p, work / "good" / f"example_{p.stem}.py")
        shutil.copy(PROGRAMS / "hovers.py", work)
        for file, text in CONFIGS.items():
            (work / file).write_text(text, "utf-8")
        files = sorted(f"{kind}/{p.name}" for kind in ("good", "bad") for p in (work / kind).glob("*.py"))
        start = time.perf_counter()
        done = subprocess.run(
            [*CHECKERS[name][1], *files, "hovers.py"], cwd=work, capture_output=True, text=True, timeout=600
        )
        seconds = time.perf_counter() - start
    output = (done.stdout + done.stderr).replace(f"{work}/", "")
    errors: dict[str, list[tuple[int, str]]] = {f: [] for f in files}
    revealed: dict[int, str] = {}
    for line in output.splitlines():
        if shown := _REVEALED.search(line):
            revealed[int(shown[1])] = re.sub(r"\bdfdx\.core\.static\.(std|pf)\.((nn|optim)\.)?", "", shown[2])
        found = _ERROR.search(line)
        if found and "error" in line.lower() and not _NO_ERROR.search(line):
            errors[found[1]].append((int(found[2]), line.strip()))
    return Run(errors, revealed, seconds)


def marked(path: Path) -> set[int]:
    """The lines that a checker must reject."""
    return {i for i, line in enumerate(path.read_text("utf-8").splitlines(), 1) if "# BAD" in line}


def caught(run: Run, path: Path) -> bool:
    """Whether a bad program was rejected where it is wrong."""
    return any(line in marked(path) for line, _ in run.errors[f"bad/{path.name}"])


def strays(run: Run) -> list[str]:
    """False alarms: what was said of good programs, and of other lines of bad ones."""
    out = [m for name, found in run.errors.items() if name.startswith("good/") for _, m in found]
    for p in programs("bad"):
        out += [m for line, m in run.errors[f"bad/{p.name}"] if line not in marked(p)]
    return out


def table(runs: dict[str, Run]) -> str:
    """A row per bad program, a column per checker."""
    rows = ["| program | " + " | ".join(runs) + " |", "|---" * (len(runs) + 1) + "|"]
    for p in programs("bad"):
        rows.append(f"| {p.stem} | " + " | ".join("yes" if caught(r, p) else "-" for r in runs.values()) + " |")
    n = len(programs("bad"))
    rows.append(
        "| **rejected** | "
        + " | ".join(f"**{sum(caught(r, p) for p in programs('bad'))} of {n}**" for r in runs.values())
        + " |"
    )
    rows.append("| **false alarms** | " + " | ".join(f"**{len(strays(r))}**" for r in runs.values()) + " |")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    """Print the table."""
    chosen = [a for a in arguments if a in CHECKERS] or installed()
    runs = {}
    for name in chosen:
        runs[name] = run(name)
        print(f"{name}: {runs[name].seconds:.1f} s", file=sys.stderr)
        for line in strays(runs[name]):
            print(f"  stray {line[:300]}", file=sys.stderr)
        for p in programs("bad"):
            if not caught(runs[name], p):
                print(f"  missed {p.stem}", file=sys.stderr)
    if "--docs" in arguments:
        from stubs.docs import rewrite

        rewrite(ROOT / "docs" / "static-shapes.md", table(runs), runs)
    elif "--quiet" not in arguments:
        print(table(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
