"""Writes the stub files from the op registry and the modules' declared shape rules: `python tools/gen_stubs.py [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from stubs.assemble import build, lacking  # noqa: E402


def main(check: bool) -> int:
    """Write them, or say which are stale."""
    stale = [
        path for path, text in build().items() if not (ROOT / path).exists() or (ROOT / path).read_text("utf-8") != text
    ]
    if not check:
        for path, text in build().items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, "utf-8")
    for kind, names in lacking().items():
        if names:
            print(f"{kind} with a generic stub only: {', '.join(names)}")
    print(
        f"{len(stale)} stub files {'are stale: run `make stubs`' if check else 'changed'}: {', '.join(stale)}"
        if stale
        else "the stubs are fresh"
    )
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
