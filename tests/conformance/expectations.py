"""Failures that a backend expects: declared by the backend, strict, and never without a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.plugins.info import Expect
from .checks.finding import Finding

__all__ = ["Expectations", "declared", "suggestion"]


def declared(dev: Any) -> list[Expect]:
    """What the backend's `conformance_expectations` hook gives."""
    found = dev.backend.opened.call("conformance_expectations", runtime=dev.runtime) or []
    for e in found:
        if not isinstance(e, Expect) or not e.reason.strip():
            raise TypeError(f"conformance_expectations gives Expect(op, reason, ...), each with a reason; got {e!r}")
    return list(found)


class Expectations:
    """Matches findings with expectations, and knows which ones matched nothing."""

    def __init__(self, expects: Sequence[Expect]) -> None:
        self.expects = list(expects)
        self.used: dict[int, int] = {i: 0 for i in range(len(self.expects))}

    def judge(self, f: Finding) -> Finding:
        """The finding as it counts: an expected failure, or a pass where a failure was expected."""
        if f.status == "n/a":
            return f
        for i, e in enumerate(self.expects):
            if matches(e, f):
                self.used[i] += 1
                f.reason = e.reason
                if f.bad:
                    f.status = "expected-fail"
                else:
                    f.status, f.detail = (
                        "unexpected-pass",
                        f"expected to fail ({e.reason}), but it passes: take the Expect out",
                    )
                break
        return f

    def unmatched(self) -> list[Expect]:
        """Expectations that no finding matched: there is no such op, dtype, check or sample (any more)."""
        return [e for i, e in enumerate(self.expects) if not self.used[i]]


def matches(e: Expect, f: Finding) -> bool:
    """Field by field, by equality; a field that is not given matches all."""
    return e.op == f.name and e.dtype in (None, f.dtype) and e.check in (None, f.check) and e.sample in (None, f.sample)


def suggestion(f: Finding) -> str:
    """The line by which a backend would declare this failure."""
    return f"Expect({f.name!r}, reason=..., dtype={f.dtype!r}, check={f.check!r}, sample={f.sample!r})"
