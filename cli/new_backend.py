"""`new-backend NAME`: writes a plugin project whose kernels run on NumPy and pass the conformance kit."""

from __future__ import annotations

import argparse
import re
from importlib import metadata
from pathlib import Path

from ..core.errors import PluginError

__all__ = ["write_project"]

TEMPLATE = Path(__file__).parent / "templates" / "backend"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the device's name: small letters, digits and _")
    parser.add_argument("--out", default=".", metavar="DIR", help="folder in which dfdx-NAME is made (the current one)")


def run(options: argparse.Namespace) -> int:
    folder = write_project(options.name, Path(options.out))
    print(f"wrote {folder}\n\n  cd {folder}\n  pip install -e '.[test]'\n  pytest\n")
    print(
        f"then replace kernels; python -m dfdx conformance {options.name} --only primitives --first-failure shows what breaks"
    )
    return 0


def write_project(name: str, parent: Path) -> Path:
    """Write the project dfdx-NAME into `parent`; returns its folder.

    Raises `PluginError` for a name that cannot be a device's and a module's, or is taken, and where the folder exists already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise PluginError(f"{name!r} cannot name a device and a Python module: use small letters, digits and _")
    from ..core.plugins.host import host

    if name in host().records:
        taken = host().records[name]
        raise PluginError(f"there is a device {name!r} already, from {taken.package}")
    folder = parent / f"dfdx-{name}"
    if folder.exists():
        raise PluginError(f"{folder} exists already: nothing was written")
    version = metadata.version("dfdx")
    major, minor = version.split(".")[:2]
    words = {"@NAME@": name, "@VERSION@": f"{major}.{minor}", "@NEXT@": f"{major}.{int(minor) + 1}"}
    for source in sorted(TEMPLATE.rglob("*.in")):
        target = folder / _target(source.relative_to(TEMPLATE), name)
        text = source.read_text("utf-8")
        for mark, word in words.items():
            text = text.replace(mark, word)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return folder


def _target(path: Path, name: str) -> Path:
    """`package/x.py.in` is `dfdx_NAME/x.py`; `gitignore.in` is `.gitignore`."""
    parts = [f"dfdx_{name}" if p == "package" else p for p in path.parts]
    parts[-1] = parts[-1].removesuffix(".in")
    return Path(*parts[:-1], ".gitignore" if parts[-1] == "gitignore" else parts[-1])
