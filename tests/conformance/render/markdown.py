"""The report as Markdown."""

from __future__ import annotations

from typing import Any

from .terminal import failed_of, head, summary, worst

__all__ = ["markdown"]


def markdown(r: dict[str, Any]) -> str:
    """The same facts as the HTML page, for a README or an issue."""
    lines = [
        f"# Conformance of {r['device']['name']}: {r['verdict']}",
        "",
        head(r) + ".",
        "",
        summary(r) + ".",
        "",
        "## Families",
        "",
    ]
    lines += _table(
        ("family", "entries", "kernel", "composite", "missing", "checks", "worst error / allowed"),
        [
            (f["family"], f["entries"], f["kernel"], f["composite"], f["missing"], sum(f["counts"].values()), worst(f))
            for f in r["families"]
        ],
    )
    lines += ["", "## Dtypes", ""]
    lines += _table(("dtype", "checks", "failed"), [(d, sum(c.values()), failed_of(c)) for d, c in r["dtypes"].items()])
    if r["failures"]:
        lines += ["", "## Failures", ""]
        for f in r["failures"]:
            place = "/".join((f["kind"], f["name"], f["dtype"], f["sample"], f["check"]))
            lines += [f"* `{place}` ({f['status']}): {f.get('detail', '')}"]
    if r["expected"]:
        lines += ["", "## Expected failures", ""]
        lines += [f"* `{f['name']}` {f['dtype']} {f['sample']} {f['check']}: {f['reason']}" for f in r["expected"]]
    lines += ["", "## Entries", ""]
    lines += _table(
        ("entry", "kind", "runs as", "dtypes", "worst error / allowed"),
        [(f"`{e['name']}`", e["kind"], e["path"] or "-", ", ".join(_dtype(d, c) for d, c in e["dtypes"].items()), worst({**e, "worst": e.get("worst")}))
         for e in r["entries"]],
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def _dtype(d: str, c: dict[str, int]) -> str:
    return d if not failed_of(c) else f"**{d} ({failed_of(c)} failed)**"


def _table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |" for row in rows]
