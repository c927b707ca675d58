"""Pages that mkdocs gets from the project itself: the tutorial from examples/, the reference from docstrings, the device matrix
from the reports of the conformance kit."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from site_reference import SECTIONS, reference_page

ROOT = Path(__file__).resolve().parent.parent
TITLES = {"dqn": "DQN", "gpt": "GPT", "mnist": "MNIST", "ppo": "PPO", "resnet18": "ResNet-18"}


def on_config(config: Any) -> Any:
    """Fill the sections of the navigation that are made here."""
    made = [path for path, _ in targets()]
    folders = {"Tutorial": "tutorial/", "Examples": "examples/", "Reference": "reference/"}
    for section in config["nav"]:
        for title, prefix in folders.items():
            if title in section:
                section[title] = [p for p in made if p.startswith(prefix)]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, write in targets():
        files.append(File.generated(config, path, content=write()))
    return files


def targets() -> Iterator[tuple[str, Callable[[], str]]]:
    """(path, function that writes the Markdown) of every generated page."""
    for example in sorted((ROOT / "examples").glob("*.py")):
        folder = "tutorial" if example.name[:2].isdigit() else "examples"
        yield f"{folder}/{example.stem}.md", partial(example_page, example)
    for name, title in SECTIONS.items():
        yield f"reference/{name.replace('.', '-')}.md", partial(reference_page, name, title)
    yield "reports.md", matrix_page


def example_page(path: Path) -> str:
    """The docstring as text, the code, and what it prints."""
    text = path.read_text(encoding="utf-8")
    module = ast.parse(text)
    doc = ast.get_docstring(module) or path.stem
    body = "\n".join(text.splitlines()[module.body[0].end_lineno :]).strip("\n")
    if os.environ.get("DFDX_DOCS_RUN") == "0":  # a build that only looks for broken links
        printed = "(not run)"
    else:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=folder, check=True)
        printed = done.stdout.rstrip()
    words = " ".join(TITLES.get(w, w) for w in path.stem.lstrip("0123456789_").split("_"))
    title = words[0].upper() + words[1:]
    doc = re.sub(r"^ *(python examples/.*)$", r"```\n\1\n```", doc, flags=re.MULTILINE)
    number = f"{int(path.stem[:2])}. " if path.stem[:2].isdigit() else ""
    return f"# {number}{title}\n\n{doc}\n\n```python\n{body}\n```\n\nIt prints:\n\n```text\n{printed}\n```\n"


def matrix_page() -> str:
    """What each device does with each op, from the reports of the kit that are kept under docs/reports/."""
    files = sorted((ROOT / "docs" / "reports").rglob("conformance.json"))
    found = [(f.parent.name, json.loads(f.read_text(encoding="utf-8"))) for f in files]
    lines = ["# Ops by device", "", "From the reports of the conformance kit that are kept under `docs/reports/`.", ""]
    lines += ["`kernel`: the device has a kernel of its own; `composite`: the op is made of other ops there.", ""]
    lines += ["| device | hardware | level | verdict | checks | failed |", "|---|---|---|---|---|---|"]
    for folder, r in found:
        name = f"[{r['device']['name']}](reports/{folder}/conformance.html)"
        checks = f"{sum(r['counts'].values()):,}"
        lines.append(
            f"| {name} | {r['device']['hardware']} | {r['level']} | {r['verdict']} | {checks} | {r['failed']} |"
        )
    paths = {(e["name"], folder): e["path"] for folder, r in found for e in r["entries"] if e["kind"] == "op"}
    names = {folder: r["device"]["name"] for folder, r in found}
    lines += ["", "| op | " + " | ".join(names.values()) + " |", "|---|" + "---|" * len(names)]
    for op in sorted({op for op, _ in paths}):
        lines.append(f"| `{op}` | " + " | ".join(paths.get((op, folder), "") for folder in names) + " |")
    return "\n".join([*lines, ""])
