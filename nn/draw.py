"""A model as a picture: modules as boxes, shapes on the arrows, in the language of Graphviz."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..core.device import device
from ..core.public import DfdxError, Gradients, Tensor
from .build import inputs_for
from .calling import watching
from .module import Module

__all__ = ["draw", "graph_text"]

_STYLE = (
    "rankdir=TB; "
    'node [shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#5b7db1", fontname="Helvetica"]; '
    'edge [color="#666666", fontname="Helvetica", fontsize=10];'
)


class Flow(NamedTuple):
    """One pass on the shapes-only device: the labels of the boxes, and the arrows as (from, to, shape)."""

    labels: list[str]
    arrows: list[tuple[str, str, tuple[int, ...]]]


def draw(model: Module, path: str | os.PathLike[str], input: Any) -> None:
    """Draw a built module into a file: `.gv` or `.dot` as text, any other suffix (svg, png, pdf) through Graphviz's `dot`.

    * `input`: a shape such as `(None, 64)`, or a list of them.

    Raises `DfdxError`, with what to install, where `dot` is needed and missing.
    """
    text, target = graph_text(model, input), Path(path)
    if target.suffix in (".gv", ".dot"):
        target.write_text(text, encoding="utf-8")
        return
    program = shutil.which("dot")
    if program is None:
        raise DfdxError(
            f"[draw] {target.suffix or 'a path without a suffix'} needs Graphviz's program `dot`, which is not on the PATH\n"
            "  hint: install graphviz with the system's package manager, or give a path that ends in .gv"
        )
    command = [program, f"-T{target.suffix.removeprefix('.')}", "-o", str(target)]
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode:
        raise DfdxError(f"[draw] dot failed: {done.stderr.strip()}")


def graph_text(model: Module, input: Any) -> str:
    """The picture in Graphviz's language; a dim that follows a None of the input shows as n.

    >>> import dfdx
    >>> from dfdx import nn
    >>> from dfdx.nn.draw import graph_text
    >>> model = dfdx.device("cpu").build_module((nn.Linear(4, 2), nn.ReLU()))
    >>> print(graph_text(model, (None, 4)).splitlines()[5].strip())
    m0 -> m1 [label="[n, 2]"];
    """
    model._require_built("draw")
    small, large = (_flow(model, input, free) for free in (2, 3))
    lines = [f'  m{i} [label="{label}"];' for i, label in enumerate(small.labels)]
    for (source, target, a), (_, _, b) in zip(small.arrows, large.arrows, strict=True):
        shape = ", ".join(str(m) if m == n else "n" for m, n in zip(a, b, strict=True))
        lines.append(f'  {source} -> {target} [label="[{shape}]"];')
    return "\n".join(["digraph model {", f"  {_STYLE}", *lines, "}"]) + "\n"


def _flow(model: Module, input: Any, free: int) -> Flow:
    """Run the model under a leaky tape: the tape tells where each box's output comes from."""
    null = device("null")
    labels: list[str] = []
    boxes: dict[int, str] = {}
    made: list[Tensor] = []

    def watch(module: Module, out: Any) -> None:
        new = [t for t in _tensors(out) if t.id not in boxes and t.id not in starts]
        if list(module.children()) or not new:
            return
        path = f"{module._path}: " if module._path else ""
        boxes.update({t.id: f"m{len(labels)}" for t in new})
        made.extend(new)
        labels.append(f"{path}{type(module).__name__}({module.settings()})".replace('"', "'"))

    grads = Gradients.leaky()
    given = [_traced(x, grads) for x in inputs_for(null, input, model._dtype, free)]
    inputs = list(_tensors(given))
    starts = {x.id: x for x in inputs}
    with watching(watch):
        ends = list(_tensors(model.to_device(null)(*given)))
    parents = {}
    for record in (r for t in ends if t._tape is not None for r in t._tape.entries):
        for out in record[3] or (record[0],):
            parents[out] = record[2]
    shapes = {t.id: t.shape for t in (*inputs, *made)}
    names = boxes | dict.fromkeys(starts, "input")
    pairs = dict.fromkeys(
        (i, boxes[t.id]) for t in made for i in _sources(t.id, parents, names)
    )  # a box may give two values
    arrows = [(names[i], box, shapes[i]) for i, box in pairs]
    for t in ends:
        found = [t.id] if t.id in names else _sources(t.id, parents, names)
        arrows += [(names[i], "output", shapes[i]) for i in found]
    return Flow(labels, arrows)


def _traced(value: Any, grads: Gradients) -> Any:
    return value.traced(grads) if isinstance(value, Tensor) else tuple(v.traced(grads) for v in value)


def _sources(id: int, parents: dict[int, Any], names: dict[int, str]) -> list[int]:
    """The ids with a name that a value was computed from, each once, in order."""
    found: dict[int, None] = {}
    stack, seen = list(reversed(parents.get(id, ()))), set()
    while stack:
        i = stack.pop()
        if i in names:
            found.setdefault(i)
        elif i not in seen:
            seen.add(i)
            stack.extend(reversed(parents.get(i, ())))
    return list(found)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    else:
        for v in value:
            yield from _tensors(v)
