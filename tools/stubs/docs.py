"""The parts of docs/static-shapes.md that are taken from runs: messages, and the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["replace", "rewrite"]

SHOWN = (
    "matmul_matrices",
    "add_shapes",
    "chain_width",
    "model_dtype",
    "backward_without_tape",
    "loss_shapes",
    "reshape_count",
    "flatten_width",
)
PROGRAMS = Path(__file__).resolve().parents[2] / "tests" / "typing" / "bad"


def rewrite(page: Path, table: str, runs: dict[str, Any]) -> None:
    """Put this run's messages, types and table between the markers of the page."""
    replace(page, {"messages": _messages(runs), "hovers": _hovers(runs), "table": table})


def replace(page: Path, parts: dict[str, str]) -> None:
    """Put new text between `<!-- name -->` and `<!-- end -->`."""
    text = page.read_text("utf-8")
    for name, part in parts.items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda m, part=part: f"{m[1]}{part}\n{m[2]}",
            text,
            flags=re.DOTALL,
        )
    page.write_text(text, "utf-8")


def _hovers(runs: dict[str, Any]) -> str:
    """What each checker shows of the values of hovers.py; checkers that show the same together."""
    out = ["```text"]
    for i, line in enumerate((PROGRAMS.parent / "hovers.py").read_text("utf-8").splitlines(), 1):
        if not line.startswith("reveal_type("):
            continue
        shown: dict[str, list[str]] = {}
        for checker, run in runs.items():
            shown.setdefault(run.revealed[i], []).append(checker)
        value = line.partition("  #")[0][len("reveal_type(") : -1]
        out += [f"{value:23}{text}   ({', '.join(by)})" for text, by in shown.items()]
    return "\n".join([*out, "```"])


def _messages(runs: dict[str, Any]) -> str:
    out = []
    for name in SHOWN:
        lines = (PROGRAMS / f"{name}.py").read_text("utf-8").splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("dev ="))
        out.append("```py\n" + "\n".join(lines[start + 1 :]) + "\n```\n\n```text")
        for checker, run in runs.items():
            marked = {i for i, line in enumerate(lines, 1) if "# BAD" in line}
            said = [m for line, m in run.errors[f"bad/{name}.py"] if line in marked]
            out.append(f"{checker:13} {_short(said[0]) if said else '(nothing)'}")
        out.append("```\n")
    return "\n".join(out)


def _short(message: str) -> str:
    """Without the place, and not longer than three lines."""
    text = re.sub(
        r"^(ERROR )?\S*?(good|bad)/\w+\.py:\d+(:\d+)?(-\d+)?(:\d+)?:?\s*(- )?(error:?)?\s*", "", message
    ).strip()
    return text if len(text) <= 330 else text[:327] + "..."
