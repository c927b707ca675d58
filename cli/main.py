"""`python -m dfdx`: a table of commands, each a file of this folder with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "train a classifier on handwritten digits",
    "devices": "every known backend: state, reason, hint",
    "doctor": "why a device does not work, and what to do",
    "explain": "how a device runs an op",
    "info": "versions and devices, for bug reports",
    "ops": "every op, and how a device runs it",
    "bench": "dfdx beside PyTorch and JAX on this machine",
    "cache": "compiled kernels kept on disk: show or clear them",
    "conformance": "judge a device by the conformance kit",
    "new-backend": "write a plugin project for a device of your own",
    "summary": "a model file's module table",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. An error of dfdx prints its message, not a traceback."""
    parser = argparse.ArgumentParser(prog="dfdx", description="Deep learning on any device, checked before it runs.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((a for a in given if a in COMMANDS), None)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            _module(name).add_arguments(sub)
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 0
    from ..core.errors import DfdxError

    try:
        return int(_module(options.command).run(options))
    except DfdxError as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0


def _module(name: str) -> Any:
    return importlib.import_module(f".{name.replace('-', '_')}", __package__)
