"""What happened in training, by epoch."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from ..core.tables import html_table

__all__ = ["History", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*%#"


def sparkline(values: Sequence[float], ascii: bool = False) -> str:
    """The values as a row of small bars, lowest to highest; a value that is not finite is a question mark.

    * `ascii`: bars for terminals that know nothing else.

    >>> from dfdx.utils import sparkline
    >>> sparkline([1.0, 2.0, 4.0, 8.0])
    '▁▂▄█'
    """
    bars, finite = _ASCII if ascii else _BARS, [v for v in values if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((v - low) * scale)] if math.isfinite(v) else "?" for v in values)


class History:
    """Rows of named numbers.

    >>> from dfdx.utils import History
    >>> h = History()
    >>> h.add(epoch=1, loss=0.5)
    >>> h.add(epoch=2, loss=0.25)
    >>> h["loss"]
    [0.5, 0.25]
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, **values: float) -> None:
        """Append a row."""
        self.rows.append(values)

    def __getitem__(self, name: str) -> list[float]:
        """A column, without the rows that lack it."""
        if self.rows and name not in self.names:
            raise KeyError(f"no column {name!r}; there are {', '.join(self.names)}")
        return [r[name] for r in self.rows if name in r]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<History of {len(self)} rows: {', '.join(self.names)}>"

    def _repr_html_(self) -> str:
        cells = [[f"{r[n]:.6g}" if n in r else "" for n in self.names] for r in self.rows]
        curves = [[sparkline(self[n]) for n in self.names]] if len(self) > 1 else []
        return html_table([*cells, *curves], self.names)

    @property
    def names(self) -> list[str]:
        """Column names, in the order in which they first appeared."""
        return list(dict.fromkeys(k for r in self.rows for k in r))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a CSV file with a header; what a row lacks is left empty."""
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, self.names)
            writer.writeheader()
            writer.writerows(self.rows)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON list of rows; a value that is not finite is null, for JSON has no other word for it."""
        rows = [{k: v if math.isfinite(v) else None for k, v in r.items()} for r in self.rows]
        Path(path).write_text(json.dumps(rows, indent=1), encoding="utf-8")

    def spark(self, name: str, ascii: bool = False) -> str:
        """One column as a sparkline with its first and last value."""
        values = self[name]
        if not values:
            return f"{name} (nothing yet)"
        return f"{name} {sparkline(values, ascii)} {values[0]:.4g} to {values[-1]:.4g}"

    def plot(self, path: str | os.PathLike[str], *names: str) -> None:
        """Draw columns (all but `epoch` without names) over the epoch, or the row, into a PNG, SVG or PDF file.

        Raises `ImportError`, with what to install, where matplotlib is missing.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as e:
            hint = 'pip install "dfdx[plot]"; history.spark(name) needs nothing'
            raise ImportError(f"plotting needs matplotlib: {hint}") from e
        figure = Figure(figsize=(7, 4), layout="tight")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name in names or [n for n in self.names if n != "epoch"]:
            axes.plot(*self._curve(name), marker=".", label=name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        figure.savefig(path, dpi=120)

    def _curve(self, name: str) -> tuple[list[float], list[float]]:
        self[name]  # raises for a name that is no column
        rows = [(r.get("epoch", i), r[name]) for i, r in enumerate(self.rows, 1) if name in r]
        return [x for x, _ in rows], [y for _, y in rows]
