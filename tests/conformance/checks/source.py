"""A failing sample as a program that anyone can run."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["runnable"]

SMALL = 24  # elements of an input that is written out


def runnable(entry: Any, dtype: Any, sample: Any, hosts: list[Any], device: str) -> str:
    """Python text that makes the inputs and calls the entry, printing what the device gives and what is right."""
    kind = repr(entry.kind), repr(entry.name)
    where = ", ".join((*kind, repr(sample.name), repr(dtype.name)))
    names = [f"x{i}" for i in range(len(sample.inputs))]
    lines = [
        "import numpy as np",
        "import dfdx",
        "from dfdx.conformance import built, entry, expected, inputs",
        "",
        f"dev = dfdx.device({device!r})",
        *[
            f"x{i} = dev.tensor({_values(h, i, where)}, {inp.dtype or dtype.name!r})"
            for i, (h, inp) in enumerate(zip(hosts, sample.inputs))
        ],
        *[f"model = built({entry.name!r}, dev, {dtype.name!r})"] * (entry.kind == "module"),
        f"y = {_call(entry, dtype, names, kind, sample.kwargs)}",
        'print("device:  ", y)',
        f'print("expected:", expected({where}))',
    ]
    return "\n".join(lines)


def _values(h: Any, i: int, where: str) -> str:
    plain = h.size <= SMALL and h.dtype.kind in "fiub" and np.isfinite(h.astype(np.float64)).all()
    return f"np.array({h.tolist()!r}, {h.dtype.name!r})" if plain else f"inputs({where})[{i}]"


def _call(entry: Any, dtype: Any, names: list[str], kind: tuple[str, str], kwargs: dict[str, Any]) -> str:
    given = ", ".join(
        [*(["dev", f"dfdx.{dtype.name}"] if entry.maker else names), *[f"{k}={v!r}" for k, v in kwargs.items()]]
    )
    of = f"entry({', '.join(kind)})"
    if entry.kind == "module":
        return f"model({given})" if entry.call is None else f"{of}.call(model, {given})"
    return f"dfdx.{entry.name}({given})" if entry.kind == "op" and entry.call is None else f"{of}.function({given})"
