"""The report as a table for a terminal."""

from __future__ import annotations

from typing import Any

__all__ = ["failed_of", "head", "summary", "terminal", "worst"]


def terminal(r: dict[str, Any]) -> str:
    """Head, a line per family, failures, verdict."""
    lines = [head(r), ""]
    rows = [("family", "entries", "kernel", "composite", "missing", "checks", "failed", "worst error / allowed")]
    for f in r["families"]:
        paths = [str(f[k]) if f["kind"] in ("op", "primitive") else "-" for k in ("kernel", "composite", "missing")]
        c = f["counts"]
        rows.append((f["family"], str(f["entries"]), *paths, str(sum(c.values())), str(failed_of(c)), worst(f)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        lines.append(
            "  ".join(
                c.rjust(w) if 0 < i < 7 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
    lines += _problems(r)
    lines += ["", f"{r['verdict'].upper()}: {summary(r)}"]
    return "\n".join(lines)


def head(r: dict[str, Any]) -> str:
    d = r["device"]
    what = ", ".join(x for x in (d["hardware"], d["driver"]) if x)
    only = f", only {r['only']}" if r["only"] else ""
    return (
        f"device {d['name']} ({what}) from {d['package']}; dfdx {r['dfdx']}, level {r['level']}{only}, {r['seconds']} s"
    )


def failed_of(counts: dict[str, int]) -> int:
    """How many of the findings count against the device."""
    return sum(n for s, n in counts.items() if s not in ("pass", "n/a", "expected-fail"))


def worst(f: dict[str, Any]) -> str:
    w = f.get("worst")
    return (
        f"{w['ratio']:.2f}  {w.get('name', '')} {w['dtype']} {w['check']}, {w['sample']}"
        if w and w["ratio"] > 0
        else "exact"
    )


def summary(r: dict[str, Any]) -> str:
    """Counts in words."""
    c = r["counts"]
    parts = [f"{sum(c.values())} checks", f"{r['failed']} failed"]
    parts += [f"{c.get('expected-fail', 0)} expected failures"] * ("expected-fail" in c)
    parts += [f"{len(r['stale_expectations'])} expectations that match nothing"] * bool(r["stale_expectations"])
    parts += [f"{len(r['without_entry'])} without an entry in the kit"] * bool(r["without_entry"])
    return ", ".join(parts)


def _problems(r: dict[str, Any]) -> list[str]:
    lines = [""] * bool(r["failures"])
    for f in r["failures"][:20]:
        lines.append(
            f"{f['status']:<5} {'/'.join((f['kind'], f['name'], f['dtype'], f['sample'], f['check']))}: {f.get('detail', '')}"
        )
    if r["failed"] > 20:
        lines.append(f"... and {r['failed'] - 20} more (in the report)")
    lines += [f"STALE {e}" for e in r["stale_expectations"]]
    lines += [f"NO ENTRY {m}" for m in r["without_entry"]]
    return lines
