"""`bench`: dfdx beside PyTorch and JAX on this machine, as ratios, with the machine's limits from the same run."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from typing import Any

_FOLDED = {"torch": ("torch", "torch compiled", "torch channels-last"), "jax": ("jax",)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vs", default="torch,jax", help="peers, separated by commas: torch, jax")
    parser.add_argument("--rows", default="", help="only rows whose name holds one of these words, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.5, help="measuring time per row and contestant")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--png", metavar="FILE", help="also draw the ratios (needs matplotlib)")


def run(options: argparse.Namespace) -> int:
    from ..bench import ROWS, compare, limits

    peers, notes = _peers(options.vs)
    words = [w.strip() for w in options.rows.split(",") if w.strip()]
    rows = [r for r in ROWS if not words or any(w in r.name for w in words)]
    machine = limits(options.seconds)
    show = (lambda *_, **__: None) if options.json else print
    show(_limits_text(machine), *notes, "", _HEADER, sep="\n")
    results = []
    for row in rows:
        results.append(result := _result(row, compare(row, peers, options.seconds)))
        show(_line(result), flush=True)
    start = {} if words and not any(w in "start import" for w in words) else _start(options.vs)
    memory = {} if words and "memory" not in words else _memory(options.vs)
    if start:
        show("", *[f"{what:<34}{seconds:>11.3f} s" for what, seconds in start.items()], sep="\n")
    if memory:
        show("", *[f"{'transformer step, ' + who:<34}{mb:>11.0f} MB" for who, mb in memory.items()], sep="\n")
    if options.json:
        found = {"machine": machine, "peers": list(peers), "notes": notes, "rows": results, "start": start}
        print(json.dumps({**found, "memory": memory}))
    if options.png:
        draw(results, options.png)
    return 0


def _peers(names: str) -> tuple[tuple[str, ...], list[str]]:
    """The contestants of the peers that are installed, and a line for each that is not."""
    found, notes = ["numpy"], []
    for name in (n.strip() for n in names.split(",") if n.strip()):
        if name not in _FOLDED:
            notes.append(f"no peer {name!r}: there are {', '.join(_FOLDED)}")
        elif importlib.util.find_spec(name) is None:
            notes.append(f"{name} is not installed: skipped")
        else:
            found += _FOLDED[name]
    return tuple(found), notes


def _start(names: str) -> dict[str, float]:
    """Seconds: what importing adds to NumPy's import, and from a new process to the end of the first README step."""
    from ..bench import measure_import, measure_start

    peers = [n for n in names.split(",") if n in _FOLDED and importlib.util.find_spec(n)]
    first = measure_start(("dfdx", *peers))
    return {
        "import dfdx, beyond NumPy": measure_import()["dfdx"],
        **{f"first README step, {k}": v for k, v in first.items()},
    }


def _memory(names: str) -> dict[str, float]:
    """MB at most of a transformer step, by library."""
    from ..bench import measure_memory

    torch = ["torch"] * ("torch" in names.split(",") and importlib.util.find_spec("torch") is not None)
    return measure_memory(("dfdx", "dfdx, captured", *torch))


def _limits_text(machine: dict[str, Any]) -> str:
    rates = ", ".join(f"{k.partition(' ')[0]} {v:.0f} {k.partition(' ')[2]}" for k, v in machine.items() if "/s" in k)
    return f"{machine['cpu']}, {machine['cores']} cores: {rates}"


def _result(row: Any, timings: Any) -> dict[str, Any]:
    """A row as data: microseconds, and ratios of minima and medians to the best peer."""
    from ..bench import OURS, Timing, ratio

    out: dict[str, Any] = {"row": row.name, "times": {}, "failed": {}, "ratios": {}}
    for name, t in timings.items():
        if isinstance(t, Timing):
            out["times"][name] = {"min": t.min * 1e6, "median": t.median * 1e6, "samples": t.samples}
        else:
            out["failed"][name] = t
    for ours in OURS:
        least, middle = ratio(timings, ours), ratio(timings, ours, "median")
        if least and middle:
            goal = getattr(row, ours)
            out["ratios"][ours] = {"min": least[0], "median": middle[0], "of": least[1], "goal": goal}
    return out


_HEADER = (
    f"{'':34}{'eager us':>11}{'captured us':>13}  {'best peer us':<24}{'ratio eager (goal)':>20}{'captured (goal)':>18}"
)


def _line(result: dict[str, Any]) -> str:
    """One row of the table: minima in microseconds, ratios of minima / of medians."""
    times = result["times"]
    peers = {n: t["min"] for n, t in times.items() if n not in ("eager", "captured")}
    best = min(peers, key=lambda n: peers[n], default=None)

    def us(name: str) -> str:
        return f"{times[name]['min']:.2f}" if name in times else "failed" if name in result["failed"] else "-"

    def against(name: str) -> str:
        r = result["ratios"].get(name)
        return "-" if r is None else f"{r['min']:.2f}/{r['median']:.2f}" + (f" ({r['goal']})" if r["goal"] else "")

    peer = f"{best} {peers[best]:.2f}" if best else "-"
    line = f"{result['row']:<34}{us('eager'):>11}{us('captured'):>13}  {peer:<24}{against('eager'):>20}{against('captured'):>18}"
    return "\n".join([line, *[f"    {name}: {why}" for name, why in result["failed"].items()]])


def draw(results: Sequence[dict[str, Any]], path: str) -> None:
    """Ratios as bars beside the line at 1, the best peer."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('--png needs matplotlib: pip install "dfdx[plot]"')
        return
    shown = [r for r in results if r["ratios"]]
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for offset, (ours, color) in enumerate((("eager", "#4c78a8"), ("captured", "#f58518"))):
        bars = [(i + 0.38 * offset, r["ratios"][ours]["min"]) for i, r in enumerate(shown) if ours in r["ratios"]]
        if bars:
            axes.barh([y for y, _ in bars], [x for _, x in bars], 0.36, label=ours, color=color)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks([i + 0.19 for i in range(len(shown))], [r["row"] for r in shown])
    axes.invert_yaxis()
    axes.set_xlabel("time / time of the best peer (shorter is better)")
    axes.legend()
    figure.savefig(path, dpi=150)
    print(f"drawn to {path}")
