"""As a new user: a fresh virtual environment that holds the wheel and its dependencies only, in which every Python block of
README and docs and every example runs. `python tools/clean_check.py [--wheel FILE] [--only WORD]`"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = """
import re, sys
scope = {"__name__": "page"}
for block in re.findall(r"```python\\n(.*?)```", open(sys.argv[1], encoding="utf-8").read(), re.DOTALL):
    exec(compile(block, sys.argv[1], "exec"), scope)
"""


def built(folder: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def programs() -> list[tuple[str, list[str]]]:
    """(name, arguments of Python): the pages whose blocks are run, then the examples."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = [(p.relative_to(ROOT).as_posix(), ["-c", PAGE, str(p)]) for p in pages]
    return found + [(p.relative_to(ROOT).as_posix(), [str(p)]) for p in sorted((ROOT / "examples").glob("*.py"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="instead of building one")
    parser.add_argument("--only", default="", help="names that contain this word")
    options = parser.parse_args()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "DFDX_"))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = options.wheel or built(folder / "dist")
        venv.create(folder / "env", with_pip=True)
        python = str(folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
        subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True, env=environment)
        failed = 0
        for title, arguments in programs():
            if options.only not in title:
                continue
            place = folder / "run" / title.replace("/", "-")
            place.mkdir(parents=True)
            start = time.perf_counter()
            done = subprocess.run([python, *arguments], cwd=place, env=environment, capture_output=True, text=True)
            failed += bool(done.returncode)
            print(
                f"{'ok' if not done.returncode else 'FAILED':<8}{time.perf_counter() - start:6.1f} s  {title}",
                flush=True,
            )
            if done.returncode:
                print(done.stderr[-2000:])
        print(f"{wheel.name}: {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
