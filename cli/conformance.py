"""`conformance DEVICE`: judge a device by the conformance kit; exit status 0 if it conforms."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", help="a device name, e.g. cpu or opencl:0")
    parser.add_argument(
        "--level",
        choices=("quick", "standard", "exhaustive"),
        default="standard",
        help="how much is checked (standard)",
    )
    parser.add_argument(
        "--only", default="", metavar="WHAT", help="primitives, ops, modules, optimizers, device, a family, or an entry"
    )
    parser.add_argument(
        "--first-failure", action="store_true", help="stop at the first failure and print it as a program"
    )
    parser.add_argument("--report", metavar="DIR", help="write conformance.json, .md and .html there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace) -> int:
    from ..conformance.render import html, markdown, terminal
    from ..conformance.report import judge

    quiet = options.json or not sys.stderr.isatty()
    try:
        report = judge(options.device, options.level, options.only, options.first_failure, None if quiet else _progress)
    except ValueError as e:
        print(e, file=sys.stderr)
        return 2
    if not quiet:
        print("\r" + " " * 79 + "\r", end="", file=sys.stderr)
    if options.report:
        folder = Path(options.report)
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in (("json", json.dumps(report, indent=1)), ("md", markdown(report)), ("html", html(report))):
            (folder / f"conformance.{suffix}").write_text(text, encoding="utf-8")
    print(json.dumps(report) if options.json else terminal(report))
    if options.first_failure and report["failures"] and not options.json:
        print("\n" + report["failures"][0].get("source", ""))
    if options.report and not options.json:
        print(f"report: {Path(options.report) / 'conformance.html'}")
    return 0 if report["verdict"] == "conforming" else 1


def _progress(done: int, total: int, name: Any) -> None:
    print(f"\r{done}/{total} {name:<60.60}", end="", file=sys.stderr, flush=True)
