"""What one check of one sample found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["BAD", "Finding", "message"]

BAD = ("fail", "error", "missing", "unexpected-pass")


@dataclass
class Finding:
    """A row of the report.

    * `status`: "pass", "fail", "error" (it raised), "missing" (no kernel), "n/a", "expected-fail", "unexpected-pass";
    * `ratio`: the worst observed / allowed error where one was measured.
    """

    kind: str
    name: str
    family: str
    dtype: str
    sample: str
    check: str
    status: str = "pass"
    ratio: float | None = None
    detail: str = ""
    reason: str = ""
    source: str = field(default="", repr=False)

    @property
    def bad(self) -> bool:
        return self.status in BAD

    @property
    def place(self) -> str:
        """`op/softmax/f16/last axis/forward`."""
        return "/".join((self.kind, self.name, self.dtype, self.sample, self.check))

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        found = {k: v for k, v in vars(self).items() if v not in ("", None)}
        if self.ratio is not None:
            found["ratio"] = round(self.ratio, 4) if self.ratio < 1e9 else "inf"
        return found


def message(e: BaseException) -> str:
    """An exception in one line."""
    return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"
