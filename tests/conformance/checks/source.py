"""A failing sample as a program that anyone can run."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["runnable"]

SMALL = 24


def runnable(entry: Any, dtype: Any, sample: Any, hosts: list[Any], device: str) -> str:
    """Python text that makes the inputs and calls the op, printing what the device gives and what is right."""
    lines = [
        "import numpy as np",
        "import dfdx",
        "from dfdx.conformance import entry, expected, inputs",
        "",
        f"dev = dfdx.device({device!r})",
    ]
    names = []
    for i, (h, inp) in enumerate(zip(hosts, sample.inputs, strict=True)):
        of = inp.dtype or dtype.name
        names.append(f"x{i}")
        plain = h.size <= SMALL and h.dtype.kind in "fiub" and np.isfinite(h.astype(np.float64)).all()
        text = (
            f"np.array({h.tolist()!r}, {h.dtype.name!r})"
            if plain
            else f"inputs({entry.kind!r}, {entry.name!r}, {sample.name!r}, {dtype.name!r})[{i}]"
        )
        lines.append(f"x{i} = dev.tensor({text}, {of!r})")
    kwargs = [f"{k}={v!r}" for k, v in sample.kwargs.items()]
    first = ["dev", f"dfdx.{dtype.name}"] if getattr(entry, "maker", False) else names
    call = (
        f"dfdx.{entry.name}"
        if entry.kind == "op" and entry.call is None
        else f"entry({entry.kind!r}, {entry.name!r}).function"
    )
    lines += [
        f"y = {call}({', '.join([*first, *kwargs])})",
        'print("device:  ", y)',
        f'print("expected:", expected({entry.kind!r}, {entry.name!r}, {sample.name!r}, {dtype.name!r}))',
    ]
    return "\n".join(lines)
