"""What happened in training, by epoch."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["History", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """The values as a row of small bars, lowest to highest."""
    low, high = min(values), max(values)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((v - low) * scale)] for v in values)


class History:
    """Rows of named numbers.

    >>> from dfdx.utils import History
    >>> h = History()
    >>> h.add(epoch=1, loss=0.5); h.add(epoch=2, loss=0.25)
    >>> h["loss"]
    [0.5, 0.25]
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, **values: float) -> None:
        """Append a row."""
        self.rows.append(values)

    def __getitem__(self, name: str) -> list[float]:
        return [r[name] for r in self.rows if name in r]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """Column names, in the order in which they first appeared."""
        return list(dict.fromkeys(k for r in self.rows for k in r))

    def to_csv(self, path: Any) -> None:
        """Write a CSV file with a header."""
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, self.names)
            writer.writeheader()
            writer.writerows(self.rows)

    def to_json(self, path: Any) -> None:
        """Write a JSON list of rows."""
        Path(path).write_text(json.dumps(self.rows, indent=1), encoding="utf-8")

    def spark(self, name: str) -> str:
        """One column as a sparkline with its first and last value."""
        values = self[name]
        return f"{name} {sparkline(values)} {values[0]:.4g} to {values[-1]:.4g}" if values else f"{name} (nothing yet)"

    def plot(self, path: Any, *names: str) -> None:
        """Draw columns against the row number into a PNG or SVG file; needs matplotlib."""
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as e:
            raise ImportError(
                'plotting needs matplotlib: pip install "dfdx[plot]"; history.spark(name) needs nothing'
            ) from e
        figure = Figure(figsize=(7, 4), layout="tight")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name in names or [n for n in self.names if n != "epoch"]:
            axes.plot(range(1, len(self[name]) + 1), self[name], marker="o", label=name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, dpi=120)
