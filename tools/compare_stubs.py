"""Compares the stubs with the code by mypy's stubtest: `python tools/compare_stubs.py` prints what differs and is not meant to."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from mypy import stubtest
from mypy.options import Options

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from stubs.allowed import allowed  # noqa: E402
from stubs.assemble import Library  # noqa: E402

MODULES = ["dfdx", "dfdx.nn", "dfdx.nn.losses", "dfdx.nn.init", "dfdx.optim", "dfdx.data", "dfdx.utils"]
VIEW = "dfdx.core.static."  # where the stubs keep what the modules import
# of no interest: methods are functions of x in the code; stubtest merges overloads and says so where that is too coarse
NOISE = re.compile(r'stub parameter "self" differs from runtime parameter "\w+"|This is often caused by overloads')


def _copy(folder: Path) -> None:
    """The stubs alone, so that the code behind them is not read."""
    for p in ROOT.rglob("*.pyi"):
        where = p.relative_to(ROOT)
        if not where.parts[0].startswith(".") and "pf" not in where.parts:
            (folder / "dfdx" / where).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(p, folder / "dfdx" / where)
    for package in ("core", "core/static"):
        (folder / "dfdx" / package / "__init__.pyi").touch()
    shutil.copy(ROOT / "core" / "errors.py", folder / "dfdx" / "core" / "errors.pyi")


def differences() -> list[tuple[str, str]]:
    """(name, what differs) as stubtest finds them."""
    options = Options()
    options.incremental, options.semantic_analysis_only = False, True  # types are not checked here: 8 s, not 120
    with tempfile.TemporaryDirectory() as folder:
        _copy(Path(folder))
        options.mypy_path = [folder]
        stubtest.build_stubs(MODULES, options)
    for name in [n for n in stubtest._all_stubs if n.startswith(VIEW)]:
        del stubtest._all_stubs[name]  # else stubtest skips what a module imports from there
    found = [e for m in MODULES for e in stubtest.test_module(m)]
    return [(e.object_desc, e.get_description(concise=True)) for e in found if not NOISE.search(e.message)]


def main() -> int:
    """Print them; 1 if there is one, or if something is allowed that there is not."""
    lib = Library()
    reasons = allowed(lib.functions, lib.specs, lib.classes)
    found = differences()
    known = {name for name, _ in found if any(re.fullmatch(p, name) for p in reasons)}
    for name, text in found:
        if name not in known:
            print(text)
    idle = [p for p in reasons if not any(re.fullmatch(p, name) for name in known)]
    for pattern in idle:
        print(f"{pattern} is allowed to differ ({reasons[pattern]}), and does not")
    return int(bool(idle) or len(known) < len({name for name, _ in found}))


if __name__ == "__main__":
    sys.exit(main())
