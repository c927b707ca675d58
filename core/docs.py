"""Examples that are data: a line that is run, and what it shows, put at the end of a docstring as a doctest."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

__all__ = ["add_examples"]


def add_examples(home: Mapping[str, Any], examples: Mapping[str, tuple[str, str]], imports: str = "") -> None:
    """Append to the docstring of each named thing in `home`.

    * `examples`: name -> (a line in terms of `dfdx`, `dev` and the imports, what it shows).
    """
    head = "\n".join(f">>> {line}" for line in ("import dfdx", imports, 'dev = dfdx.device("cpu")') if line)
    for name, (line, shown) in examples.items():
        thing = home[name]
        thing.__doc__ = f"{cleandoc(thing.__doc__)}\n\n{head}\n>>> {line}\n{shown}\n"
