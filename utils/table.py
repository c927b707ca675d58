"""Tables whose rows are printed as they come."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

__all__ = ["Table"]


class Table:
    """Numbers under a header, one row at a time, in columns of fixed width.

    * `columns`: name -> format specification, as in `format(value, spec)`; the width is that of the name or of a zero.
    * `file`: where it is printed; stdout by default.

    >>> from dfdx.utils import Table
    >>> table = Table({"epoch": "d", "loss": "8.4f", "test accuracy": ".2%"})
    >>> table.row({"epoch": 1, "loss": 0.5, "test accuracy": 0.975})
    epoch      loss  test accuracy
        1    0.5000         97.50%
    >>> table.row({"epoch": 2, "loss": 0.25})
        2    0.2500              -
    """

    def __init__(self, columns: Mapping[str, str], file: TextIO | None = None) -> None:
        self.columns, self._file, self._begun = dict(columns), file, False
        self._widths = [max(len(name), len(format(0, spec))) for name, spec in self.columns.items()]

    def row(self, values: Mapping[str, float]) -> None:
        """Print a row, after the header if it is the first; a column without a value shows `-`, other names are ignored."""
        if not self._begun:
            self._print(list(self.columns))
            self._begun = True
        self._print([format(values[n], spec) if n in values else "-" for n, spec in self.columns.items()])

    def _print(self, cells: list[str]) -> None:
        line = "  ".join(c.rjust(w) for c, w in zip(cells, self._widths))
        print(line, file=self._file or sys.stdout, flush=True)
