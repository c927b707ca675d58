"""Pages that mkdocs gets from the project itself: the tutorial from examples/, the reference from docstrings, the device matrix
from the reports of the conformance kit."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = {
    "dfdx": "Tensors, ops and devices", "dfdx.nn": "Modules", "dfdx.losses": "Losses", "dfdx.optim": "Optimizers",
    "dfdx.data": "Data", "dfdx.utils": "Utilities", "dfdx.core.contract": "The backend contract",
}  # fmt: skip


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
    title = path.stem.replace("_", " ").lstrip("0123456789 ").capitalize()
    number = f"{int(path.stem[:2])}. " if path.stem[:2].isdigit() else ""
    return f"# {number}{title}\n\n{doc}\n\n```python\n{body}\n```\n\nIt prints:\n\n```text\n{printed}\n```\n"


def reference_page(name: str, title: str) -> str:
    """Every public name of a module with its signature and docstring: classes, then functions, then dtypes and errors in one place."""
    import importlib

    import dfdx

    module = dfdx.losses if name == "dfdx.losses" else importlib.import_module(name)
    public = {n: getattr(module, n) for n in sorted(module.__all__, key=str.lower)}
    classes = {n: t for n, t in public.items() if inspect.isclass(t) and not issubclass(t, (BaseException, dfdx.DType))}
    parts = [f"# {title}\n\n`{name}`: {_first(inspect.getdoc(module) or '')}\n"]
    for n, thing in classes.items():
        parts += class_entry(n, thing)
    for n, thing in public.items():
        if callable(thing) and not inspect.isclass(thing):
            parts.append(f"## {n}\n\n```python\n{n}{_signature(thing)}\n```\n\n{_markdown(inspect.getdoc(thing))}\n")
    if name == "dfdx":
        dtypes = [f"| `{d.name}` | {d.kind} | {d.bits} | {d.compute.name} |" for d in dfdx.DTYPES.values()]
        parts += ["## Dtypes\n\n| name | kind | bits | computes in |\n|---|---|---|---|\n" + "\n".join(dtypes) + "\n"]
        parts += [f"## Errors\n\n```text\n{inspect.getdoc(importlib.import_module('dfdx.core.errors'))}\n```\n"]
    return "\n".join(parts)


def class_entry(name: str, cls: type) -> list[str]:
    """A class: its own docstring, then the methods that it documents."""
    parts = [f"## {name}\n\n```python\n{name}{_signature(cls)}\n```\n\n{_markdown(inspect.getdoc(cls))}\n"]
    for n, member in sorted(vars(cls).items()):
        if n.startswith("_") or not callable(member) or not inspect.getdoc(member) or inspect.isclass(member):
            continue
        parts.append(
            f"### {name}.{n}\n\n```python\n{n}{_signature(member)}\n```\n\n{_markdown(inspect.getdoc(member))}\n"
        )
    return parts


def _signature(thing: Any) -> str:
    try:
        return str(inspect.signature(thing)).replace("'", "")
    except (TypeError, ValueError):
        return "(...)"


def _first(doc: str) -> str:
    return doc.split("\n\n")[0].replace("\n", " ")


def _markdown(doc: str | None) -> str:
    """A docstring with its doctest as a code block."""
    lines, out, inside = (doc or "").splitlines(), [], False
    for line in lines:
        if line.startswith(">>>") and not inside:
            out += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join([*out, "```"] if inside else out)


def matrix_page() -> str:
    """What each device does with each op, from the reports of the kit that are kept under docs/reports/."""
    found = [
        json.loads(p.read_text(encoding="utf-8")) for p in sorted((ROOT / "docs" / "reports").rglob("conformance.json"))
    ]
    lines = ["# Ops by device", "", "From the reports of the conformance kit that are kept under `docs/reports/`.", ""]
    if not found:
        return "\n".join(
            [
                *lines,
                "No report is kept yet: `python -m dfdx conformance cpu --report docs/reports/cpu` writes one.",
                "",
            ]
        )
    lines += ["| device | hardware | level | verdict | checks | failed |", "|---|---|---|---|---|---|"]
    for r in found:
        d, counts = r["device"], sum(r["counts"].values())
        lines.append(f"| {d['name']} | {d['hardware']} | {r['level']} | {r['verdict']} | {counts:,} | {r['failed']} |")
    names = [r["device"]["name"] for r in found]
    paths: dict[str, dict[str, str]] = {}
    for r in found:
        for e in r["entries"]:
            if e["kind"] == "op":
                paths.setdefault(e["name"], {})[r["device"]["name"]] = e["path"]
    lines += ["", "| op | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    lines += [f"| `{op}` | " + " | ".join(row.get(n, "") for n in names) + " |" for op, row in sorted(paths.items())]
    return "\n".join([*lines, ""])
