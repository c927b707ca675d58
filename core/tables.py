"""Tables as text for terminals, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["html_table", "text_table"]

Rows = Sequence[Sequence[object]]


def text_table(rows: Rows, header: Sequence[str], numbers: bool = False) -> str:
    """Rows under a header, columns aligned to the left; with `numbers` all but the first to the right."""
    text = [list(header), *[[str(c) for c in r] for r in rows]]
    widths = [max(len(r[i]) for r in text) for i in range(len(header))]
    lines = []
    for r in text:
        cells = [c.rjust(w) if numbers and i else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(rows: Rows, header: Sequence[str] = ()) -> str:
    """The same as an HTML table."""
    head = "".join(f"<th>{escape(c)}</th>" for c in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in r) + "</tr>" for r in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
