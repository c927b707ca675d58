"""Modules as text: a tree, and a table."""

from __future__ import annotations

from typing import Any

from ..core.public import ShapeError, Tensor
from .module import Module

__all__ = ["summary", "tree"]


def tree(module: Module, name: str = "", indent: str = "") -> str:
    """One line per module, with parameters as `f32[2, 3]`."""
    label = f"{name}: " if name else ""
    head = f"{indent}{label}{type(module).__name__}({module.settings()})"
    if module._device is not None:
        held = [f"{p} {module.__dict__[p].type_text}" for p in module._params]
        head += f"  [{', '.join(held)}]" if held else ""
        if not indent and not name:
            head += f"  {module.num_trainable_params()} parameters, {module._dtype.name} on {module._device.name}"
    return "\n".join([head, *[tree(child, n, indent + "  ") for n, child in module.children()]])


def summary(module: Module, input: Any = None) -> str:
    """A table: module, output shape (given `input`), trainable parameters; then totals."""
    shapes = _shapes(module, input) if input is not None else {}
    rows = [("module", "output shape", "parameters")]

    def visit(m: Module, name: str, depth: int) -> None:
        own = sum(p.tensor.numel for p in m.named_tensors() if p.trainable)
        rows.append(
            (
                "  " * depth + (f"{name}: " if name else "") + f"{type(m).__name__}({m.settings()})",
                shapes.get(m._path, ""),
                f"{own:,}",
            )
        )
        for n, child in m.children():
            visit(child, n, depth + 1)

    module._require_built("summary")
    visit(module, "", 0)
    widths = [max(len(r[i]) for r in rows) for i in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    every = list(module.named_tensors())
    total, trained = sum(n.tensor.numel for n in every), module.num_trainable_params()
    size = sum(n.tensor.numel * n.tensor.dtype.itemsize for n in every)
    rule = "-" * max(map(len, lines))
    return "\n".join(
        [lines[0], rule, *lines[1:], rule, f"{trained:,} trainable of {total:,} elements, {size / 2**20:.2f} MiB"]
    )


def _shapes(module: Module, input: Any) -> dict[str, str]:
    """Output shape by path; a dim that follows a None of the input shows as None: it differs between two sizes."""
    try:
        small, large = (_outputs(module, input, free) for free in (2, 3))
    except ShapeError:  # a free height or width may have to be larger
        small, large = (_outputs(module, input, free) for free in (64, 160))
    return {path: _text(small[path], large[path]) for path in small}


def _outputs(module: Module, input: Any, free: int) -> dict[str, Any]:
    """What each module returns on the shapes-only device."""
    from ..core.device import device
    from .build import inputs_for
    from .calling import watching

    null = device("null")
    found: dict[str, Any] = {}
    copy = module.to_device(null)
    with watching(lambda m, out: found.update({m._path: out})):
        copy(*inputs_for(null, input, module._dtype, free))
    return found


def _text(a: Any, b: Any) -> str:
    if isinstance(a, Tensor):
        return str([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)])
    return ", ".join(_text(x, y) for x, y in zip(a, b, strict=True))
