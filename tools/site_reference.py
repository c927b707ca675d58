"""The reference: every public name with its signature, its docstring, and shapes that go in and come out.

The shapes are the conformance kit's samples, run on the device that knows shapes only.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

import dfdx
import dfdx.conformance.database  # fills ENTRIES
from dfdx.conformance.info import ENTRIES, takes
from dfdx.conformance.samples import Sample

SECTIONS = {
    "dfdx": "Tensors, ops and devices", "dfdx.nn": "Modules", "dfdx.losses": "Losses", "dfdx.optim": "Optimizers",
    "dfdx.data": "Data", "dfdx.utils": "Utilities", "dfdx.core.contract": "The backend contract",
}  # fmt: skip
WIDTH = 72  # of a signature on one line


def reference_page(name: str, title: str) -> str:
    """Every public name of a module: classes, then functions, then dtypes and errors in one place."""
    module = dfdx.losses if name == "dfdx.losses" else importlib.import_module(name)
    public = {n: getattr(module, n) for n in sorted(module.__all__, key=str.lower)}
    classes = {n: t for n, t in public.items() if inspect.isclass(t) and not issubclass(t, (BaseException, dfdx.DType))}
    first = (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")
    parts = [f"# {title}\n\n`{name}`: {first}\n"]
    for n, thing in classes.items():
        parts.append(_entry("##", n, n, thing, "module"))
        parts += [_entry("###", f"{n}.{m}", m, member) for m, member in _methods(thing, {*classes.values()})]
    parts += [_entry("##", n, n, t) for n, t in public.items() if callable(t) and not inspect.isclass(t)]
    if name == "dfdx":
        dtypes = [f"| `{d.name}` | {d.kind} | {d.bits} | {d.compute.name} |" for d in dfdx.DTYPES.values()]
        parts += ["## Dtypes\n\n| name | kind | bits | computes in |\n|---|---|---|---|\n" + "\n".join(dtypes) + "\n"]
        parts += [f"## Errors\n\n```text\n{inspect.getdoc(importlib.import_module('dfdx.core.errors'))}\n```\n"]
    return "\n".join(parts)


def _methods(cls: type, public: set[type]) -> Iterator[tuple[str, Any]]:
    """What a class, and its bases that have no entry, document themselves; what it only overrides stands with its base."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if not base.__module__.startswith("dfdx") or (base is not cls and base in public):
            break
        found = {n: m for n, m in vars(base).items() if not n.startswith("_") and n not in found} | found
    for n, member in sorted(found.items()):
        shown = inspect.isroutine(member) or isinstance(member, property)
        if shown and not isinstance(member, staticmethod) and member.__doc__:
            yield n, member


def _entry(level: str, heading: str, name: str, thing: Any, kind: str = "op") -> str:
    """A heading, the signature, the docstring, the shapes."""
    doc = markdown(inspect.getdoc(thing) or "")
    shapes = "\n".join(shape_lines(kind, name))
    shapes = f"\n\nShapes:\n\n```text\n{shapes}\n```" if shapes else ""
    return f"{level} {heading}\n\n```python\n{signature(name, thing)}\n```\n\n{doc}{shapes}\n"


class _Bare(str):
    """An annotation that shows without quotes."""

    __repr__ = str.__str__


def signature(name: str, thing: Any) -> str:
    """`name(a: int, b: str = '') -> None`, one parameter a line where that is too wide."""
    if isinstance(thing, property):
        return f"{name}: {thing.fget.__annotations__.get('return', 'Any')}  # a property"
    try:
        found = inspect.signature(getattr(thing, "__func__", thing))
    except (TypeError, ValueError):
        return f"{name}(...)"
    parameters = [p.replace(annotation=_bare(p.annotation)) for p in found.parameters.values()]
    found = found.replace(parameters=parameters, return_annotation=_bare(found.return_annotation))
    text = f"{name}{found}".removesuffix(" -> None" if inspect.isclass(thing) else "\0")
    if len(text) <= WIDTH or not parameters:
        return text
    start = len(name) + 1
    end = start + len(str(found.replace(return_annotation=inspect.Signature.empty))) - 2
    lines = "".join(f"    {p},\n" for p in _split(text[start:end]))
    return f"{name}(\n{lines}){text[end + 1 :]}"


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _split(text: str) -> Iterator[str]:
    """The parameters of a signature: split at the commas outside of brackets."""
    depth = start = 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            yield text[start:i].strip()
            start = i + 1
    yield text[start:].strip()


def markdown(doc: str) -> str:
    """A docstring with its doctest as a code block."""
    out, inside = [], False
    for line in doc.splitlines():
        if line.startswith(">>>") and not inside:
            out.append("```pycon")
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join([*out, "```"] if inside else out)


@cache
def shape_lines(kind: str, name: str) -> tuple[str, ...]:
    """Up to three calls as `f32[2, 3], f32[3, 4] -> f32[2, 4]`, of different ranks or arguments; none for what is no op or module."""
    entry: Any = ENTRIES.get((kind, name))
    if entry is None or entry.maker or (kind == "module" and entry.call is not None):
        return ()
    dtype = next(d for d in (dfdx.f32, dfdx.i64, dfdx.bool) if takes(entry, d))
    lines: dict[Any, str] = {}
    for sample in entry.samples:
        sizes = [n for i in sample.inputs for n in i.shape]
        if sample.takes(dtype) and all(1 < n < 32 for n in sizes):
            key = (tuple(len(i.shape) for i in sample.inputs), tuple(sample.kwargs))
            if key not in lines and (line := _call(entry, sample, dtype)):
                lines[key] = line
    return tuple(list(lines.values())[:3])


def _call(entry: Any, sample: Sample, dtype: Any) -> str:
    """One sample on the null device; "" if it needs values."""
    null = dfdx.device("null")
    given = [null.zeros(i.shape, dfdx.DTYPES[i.dtype] if i.dtype else dtype) for i in sample.inputs]
    spec = entry.make() if entry.kind == "module" else None
    call = null.build_module(spec, dtype) if spec is not None else entry.function
    try:
        out = call(*given, **sample.kwargs)
    except TypeError:
        return ""
    outs = out if isinstance(out, (tuple, list)) else [out]
    if not all(isinstance(t, dfdx.Tensor) for t in outs):
        return ""
    named = "".join(f", {k}={v!r}" for k, v in sample.kwargs.items()).replace(", None)", ")")
    head = "" if spec is None else f"{type(spec).__name__}({spec.settings()}): "
    return f"{head}{', '.join(t.type_text for t in given)}{named} -> {', '.join(t.type_text for t in outs)}"
