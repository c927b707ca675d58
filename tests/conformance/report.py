"""A run as data: one JSON object, from which the terminal table, Markdown and HTML are drawn."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

from ..core.dtypes import DTYPES
from .checks.finding import BAD, Finding
from .coverage import uncovered
from .expectations import Expectations, declared, suggestion
from .info import ENTRIES
from .runner import FOLDERS, items, run_item

__all__ = ["FORMAT", "Report", "judge"]

FORMAT = 1
SHOWN = 200  # failures kept in full


class Report(dict[str, Any]):
    """A report as it is written to JSON; shown as the terminal's table, or in a notebook as the HTML page."""

    def __repr__(self) -> str:
        from .render import terminal

        return terminal(self)

    def _repr_html_(self) -> str:
        from html import escape

        from .render import html

        return f'<iframe srcdoc="{escape(html(self))}" style="width: 100%; height: 600px; border: 0"></iframe>'


def judge(
    device: str, level: str = "standard", only: str = "", first_failure: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:  # fmt: skip
    """Run the kit on a device and return the report.

    * `level`: "quick", "standard" or "exhaustive"; `only`: a kind, a family or an entry; `first_failure`: stop there.
    * `progress(done, total, name)`: called after each item.
    """
    from ..core.device import device as open_device

    dev = open_device(device)
    expectations = Expectations(declared(dev))
    todo = items(dev, level, only)
    if only and not todo:
        raise ValueError(f"nothing is named {only!r}: --only takes {', '.join(FOLDERS.values())}, a family or an entry")
    tally = _Tally(dev)
    start = time.perf_counter()
    for n, item in enumerate(todo):
        for f in run_item(item, dev, level):
            tally.add(expectations.judge(f))
            if first_failure and f.bad:
                break
        if progress is not None:
            progress(n + 1, len(todo), item.id)
        if first_failure and tally.failures:
            break
    whole = not only and not first_failure and level != "quick"
    stale = [vars(e) for e in expectations.unmatched()] if whole else []
    return tally.report(dev, level, only, stale, time.perf_counter() - start)


class _Tally:
    """Counts findings by entry, dtype and check; keeps the bad ones."""

    def __init__(self, dev: Any) -> None:
        self.dev = dev
        self.entries: dict[tuple[str, str], dict[str, Any]] = {}
        self.failures: list[Finding] = []
        self.expected: list[Finding] = []
        self.counts: dict[str, int] = {}
        self.n_failures = 0

    def add(self, f: Finding) -> None:
        self.counts[f.status] = self.counts.get(f.status, 0) + 1
        row = self.entries.get((f.kind, f.name))
        if row is None:
            row = self.entries[(f.kind, f.name)] = {
                "kind": f.kind, "name": f.name, "family": f.family, "path": path(self.dev, f.kind, f.name), "dtypes": {}, "checks": {},
            }  # fmt: skip
        by_dtype = row["dtypes"].setdefault(f.dtype, {})
        by_dtype[f.status] = by_dtype.get(f.status, 0) + 1
        by_check = row["checks"].setdefault(f.check.partition(":")[0], {})
        by_check[f.status] = by_check.get(f.status, 0) + 1
        if f.ratio is not None and f.status == "pass" and f.ratio >= row.get("worst", {"ratio": 0.0})["ratio"]:
            row["worst"] = {"ratio": round(f.ratio, 4), "dtype": f.dtype, "sample": f.sample, "check": f.check}
        if f.bad:
            self.n_failures += 1
            if len(self.failures) < SHOWN:
                self.failures.append(f)
        elif f.status == "expected-fail":
            self.expected.append(f)

    def report(self, dev: Any, level: str, only: str, stale: list[Any], seconds: float) -> Report:
        rows = list(self.entries.values())
        without = [] if only else uncovered()
        failed = self.n_failures or stale or without
        report: dict[str, Any] = {
            "format": FORMAT,
            "verdict": "not conforming" if failed else "conforming",
            "level": level,
            "only": only,
            "device": _device(dev),
            "dfdx": _version(),
            "python": platform.python_version(),
            "seconds": round(seconds, 1),
            "counts": self.counts,
            "failed": self.n_failures,
            "all_dtypes": list(DTYPES),
            "dtypes": _by_dtype(rows),
            "families": _families(rows),
            "entries": rows,
            "without_entry": without,
            "failures": [{**f.as_dict(), "declare": suggestion(f)} for f in self.failures],
            "expected": [f.as_dict() for f in self.expected],
            "stale_expectations": stale,
        }
        return Report(report)


def path(dev: Any, kind: str, name: str) -> str:
    """How the device runs an entry: "kernel", "composite", "missing"; "" where the question has no meaning."""
    from ..core.registry import OPS

    if kind == "primitive":
        return "kernel" if dev.kernels.candidates(name.partition(" ")[0]) else "missing"
    if kind != "op":
        return ""
    entry = ENTRIES[(kind, name)]
    names = [n for n in (name, *entry.covers) if n in OPS]
    if not names:
        return "composite"
    spec = OPS[names[0]]
    if any(dev.kernels.candidates(n) for n in (spec.name, *spec.through)):
        return "kernel"
    return "composite" if spec.kind in ("composite", "rowwise") else "missing"


def _device(dev: Any) -> dict[str, Any]:
    record, info, caps = dev.backend.record, dev.backend.info, dev.capabilities
    return {
        "name": dev.name, "package": record.package, "hardware": info.name, "driver": info.driver, "kind": info.kind, "memory": info.memory,
        "dtypes": sorted(d.name for d in caps.dtypes), "deterministic": caps.deterministic, "synchronous": caps.synchronous,
        "subnormals": caps.subnormals, "ulp": dict(caps.ulp),
    }  # fmt: skip


def _version() -> str:
    from importlib.metadata import version

    return version("dfdx")


def _by_dtype(rows: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for r in rows:
        for d, counts in r["dtypes"].items():
            for status, n in counts.items():
                found.setdefault(d, {})[status] = found.setdefault(d, {}).get(status, 0) + n
    return found


def _families(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per family: entries, how they run, what passed, and the worst ratio."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for r in rows:
        f = found.setdefault(
            (r["kind"], r["family"]),
            {"kind": r["kind"], "family": r["family"], "entries": 0, "kernel": 0, "composite": 0, "missing": 0, "bad": 0, "counts": {}},
        )  # fmt: skip
        f["entries"] += 1
        if r["path"]:
            f[r["path"]] += 1
        totals: dict[str, int] = {}
        for counts in r["dtypes"].values():
            for s, n in counts.items():
                totals[s] = totals.get(s, 0) + n
        f["bad"] += any(s in BAD for s in totals)
        for s, n in totals.items():
            f["counts"][s] = f["counts"].get(s, 0) + n
        if "worst" in r and r["worst"]["ratio"] >= f.get("worst", {"ratio": -1.0})["ratio"]:
            f["worst"] = {**r["worst"], "name": r["name"]}
    return list(found.values())
