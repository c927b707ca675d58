"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import Any

from .terminal import failed_of, summary, worst

__all__ = ["html"]

STYLE = """
:root { --ink: #1b1f24; --soft: #5f6b7a; --line: #dde3ea; --back: #fff; --panel: #f6f8fa; --ok: #1a7f4b; --bad: #c62f3b; --know: #a86a00; --run: #2463b8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a3b3; --line: #323a45; --back: #14171b; --panel: #1c2127; --ok: #4cc38a; --bad: #ff7b84; --know: #e2a63f; --run: #74aef6; } }
* { box-sizing: border-box } body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 0 auto; max-width: 1080px; padding: 32px 24px 80px }
h1 { font-size: 26px; margin: 0 0 4px } h1 code { font-size: 25px } h2 { font-size: 18px; margin: 40px 0 8px } p { margin: 6px 0 } .soft { color: var(--soft) }
.verdict { display: inline-block; padding: 2px 12px; border-radius: 99px; color: #fff; font-size: 15px; vertical-align: 4px; margin-left: 10px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--soft); font-weight: 600; font-size: 13px } td.n, th.n { text-align: right } .scroll { overflow-x: auto }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 20px 0 } .facts div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; overflow-wrap: anywhere }
.facts b { display: block; font-size: 13px; font-weight: 600; color: var(--soft) } .chips { display: flex; flex-wrap: wrap; gap: 5px }
.chip { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; border: 1px solid var(--run); border-radius: 5px; padding: 1px 7px; color: var(--run) } .chip.kernel { background: var(--run); color: var(--back) }
.chip.other { border-color: var(--line); color: var(--ink) } .chip.bad { background: var(--bad); border-color: var(--bad); color: #fff } .chip.known { background: var(--know); border-color: var(--know); color: #fff }
.bar { background: var(--line); border-radius: 4px; height: 8px; width: 110px; display: inline-block; vertical-align: 1px; margin-right: 8px } .bar i { display: block; height: 8px; border-radius: 4px; background: var(--run) }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; overflow-x: auto; font-size: 13px } code { font-family: ui-monospace, monospace; font-size: 13px }
details { border-bottom: 1px solid var(--line); padding: 6px 0 } summary { cursor: pointer } .ok { color: var(--ok) } .no { color: var(--bad) }
"""


def html(r: dict[str, Any]) -> str:
    """Verdict, device, families, ops, dtypes, failures, and how to read it all."""
    d = r["device"]
    good = r["verdict"] == "conforming"
    body = [
        f"<h1>Conformance of <code>{escape(d['name'])}</code><span class=verdict style='background: var(--{'ok' if good else 'bad'})'>{r['verdict']}</span></h1>",
        "<p>How completely and how accurately this device runs dfdx: every op, module and optimizer, compared with a float64 calculation.</p>",
        f"<p class=soft>{escape(summary(r))}.</p>",
        _facts(r),
        _failures(r),
        _families(r),
        _entries(r),
        _dtypes(r),
        _expected(r),
        _reading(r),
    ]
    title = f"{d['name']}: {r['verdict']}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<link rel=icon href='data:,'>"  # else browsers ask the site for /favicon.ico
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{''.join(body)}</body></html>\n"
    )


def _facts(r: dict[str, Any]) -> str:
    d = r["device"]
    rows = [
        ("hardware", d["hardware"] or d["kind"]), ("driver", d["driver"] or "-"), ("package", d["package"]), ("dfdx", r["dfdx"]),
        ("level", r["level"] + (f", only {r['only']}" if r["only"] else "")), ("took", f"{r['seconds']} s"),
        ("same bits twice", "yes" if d["deterministic"] else "not promised"), ("errors at the call", "yes" if d["synchronous"] else "no"),
    ]  # fmt: skip
    if d["ulp"]:
        rows.append(("wider functions", ", ".join(f"{k} {v} ulp" for k, v in d["ulp"].items())))
    return "<div class=facts>" + "".join(f"<div><b>{escape(k)}</b>{escape(str(v))}</div>" for k, v in rows) + "</div>"


def _families(r: dict[str, Any]) -> str:
    rows = []
    for f in r["families"]:
        paths = "".join(
            f"<td class=n>{f[k] if f['kind'] in ('op', 'primitive') else '-'}</td>"
            for k in ("kernel", "composite", "missing")
        )
        bad = failed_of(f["counts"])
        ratio = min(f.get("worst", {"ratio": 0.0})["ratio"], 1.0)
        bar = (
            f"<span class=bar><i style='width: {100 * ratio:.0f}%'></i></span>{escape(worst(f))}" if ratio else "exact"
        )
        rows.append(
            f"<tr><td><b>{escape(f['family'])}</b></td><td class=n>{f['entries']}</td>{paths}<td class=n>{sum(f['counts'].values())}</td>"
            f"<td class='n {'no' if bad else 'ok'}'>{bad}</td><td>{bar}</td></tr>"
        )
    head = "<tr><th>family<th class=n>entries<th class=n>kernel<th class=n>composite<th class=n>missing<th class=n>checks<th class=n>failed<th>worst error / allowed</tr>"
    return f"<h2>Families</h2><div class=scroll><table>{head}{''.join(rows)}</table></div>"


def _entries(r: dict[str, Any]) -> str:
    parts = ["<h2>Everything that was checked</h2><p class=soft><span class='chip kernel'>kernel</span> the device has a kernel of its own, "
             "<span class=chip>composite</span> it is made of other ops, <span class='chip known'>known</span> an expected failure, "
             "<span class='chip bad'>failed</span>. Point at a name for its dtypes.</p><table>"]  # fmt: skip
    for f in r["families"]:
        chips = "".join(_chip(e) for e in r["entries"] if (e["kind"], e["family"]) == (f["kind"], f["family"]))
        parts.append(f"<tr><td><b>{escape(f['family'])}</b></td><td><div class=chips>{chips}</div></td></tr>")
    return "".join(parts) + "</table>"


def _chip(e: dict[str, Any]) -> str:
    bad = any(failed_of(c) for c in e["dtypes"].values())
    known = any("expected-fail" in c for c in e["dtypes"].values())
    kind = "bad" if bad or e["path"] == "missing" else "known" if known else e["path"] or "other"
    title = ", ".join(
        f"{d}: {sum(c.values())} checks" + (f", {failed_of(c)} failed" if failed_of(c) else "")
        for d, c in e["dtypes"].items()
    )
    return f"<span class='chip {kind}' title='{escape(title)}'>{escape(e['name'])}</span>"


def _dtypes(r: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{d}</code></td><td class=n>{sum(c.values())}</td><td class='n {'no' if failed_of(c) else 'ok'}'>{failed_of(c)}</td></tr>"
        for d, c in r["dtypes"].items()
    )
    absent = sorted(set(r["all_dtypes"]) - set(r["device"]["dtypes"]))
    note = f"<p class=soft>The device does not have {', '.join(absent)}.</p>" if absent else ""
    return f"<h2>Dtypes</h2><table style='width: auto'><tr><th>dtype<th class=n>checks<th class=n>failed</tr>{rows}</table>{note}"


def _failures(r: dict[str, Any]) -> str:
    if not (r["failures"] or r["stale_expectations"] or r["without_entry"]):
        return ""
    parts = [f"<h2>Failures ({r['failed']})</h2>"]
    for f in r["failures"]:
        place = "/".join((f["kind"], f["name"], f["dtype"], f["sample"], f["check"]))
        source = f"<pre>{escape(f['source'])}</pre>" if f.get("source") else ""
        parts.append(f"<details><summary><code>{escape(place)}</code> <span class=no>{f['status']}</span> {escape(f.get('detail', ''))}</summary>{source}"
                     f"<p class=soft>To declare it: <code>{escape(f['declare'])}</code></p></details>")  # fmt: skip
    parts += [
        f"<p class=no>Expected to fail, but nothing matches: <code>{escape(str(e))}</code></p>"
        for e in r["stale_expectations"]
    ]
    parts += [f"<p class=no>Without an entry in the kit: <code>{escape(m)}</code></p>" for m in r["without_entry"]]
    return "".join(parts)


def _expected(r: dict[str, Any]) -> str:
    if not r["expected"]:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(f['name'])}</code><td>{f['dtype']}<td>{escape(f['sample'])}<td>{escape(f['check'])}<td>{escape(f['reason'])}</tr>"
        for f in r["expected"]
    )
    return f"<h2>Expected failures ({len(r['expected'])})</h2><div class=scroll><table><tr><th>op<th>dtype<th>sample<th>check<th>reason</tr>{rows}</table></div>"


def _reading(r: dict[str, Any]) -> str:
    return (
        "<h2>How to read this</h2><p>Every op, module and optimizer of dfdx is run on named inputs in each dtype that the device has, and compared with a "
        "float64 calculation that shares no code with the device. How far a result may be off is derived, not chosen: a few units in the last place per "
        "function (the OpenCL full-profile minima), 8 eps of the sum of absolute terms for sums and matrix products, and both carried through the partial "
        "derivatives of whatever is built from them; gradients may be off by twice that. <b>Worst error / allowed</b> is how close the worst result came "
        "to its limit: 1.00 is the limit (correctly rounded results reach it), above it is a failure.</p>"
        "<p>The device <b>conforms</b> if nothing fails, every failure that it expects does fail, and the kit has an entry for everything there is.</p>"
        f"<p class=soft>Made by <code>python -m dfdx conformance {escape(r['device']['name'])} --level {r['level']} --report DIR</code>.</p>"
    )
