"""How modules are called: who trains, which tapes enter, and whose name an error carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core.public import ShapeError, TapeMovedError, Tensor

if TYPE_CHECKING:
    from .module import Module

__all__ = ["admit", "again", "locate", "run", "watching"]

Watcher = Callable[["Module", Any], None]
_watchers: list[Watcher] = []


def run(module: Module, mut: bool, *inputs: Any, **named: Any) -> Any:
    """forward_mut or forward; a shape error names the innermost module, once."""
    try:
        forward = module.forward_mut if mut and not module._inferring else module.forward
        out = forward(*inputs, **named)
    except ShapeError as e:
        locate(module, e)
        raise
    for watcher in _watchers:
        watcher(module, out)
    return out


def locate(module: Module, e: ShapeError) -> None:
    """Put the name of a module before an error's text, once."""
    if not getattr(e, "located", False):
        where = f"{module._path}: " if module._path else ""
        e.args = (f"{where}{type(module).__name__}({module.settings()}): {e}",)
        e.located = True  # type: ignore[attr-defined]


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of every module that returns, and of what, while the block runs."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def again(x: Any) -> Any:
    """x for one more use: with an empty tape if its own has moved on."""
    return x if not isinstance(x, Tensor) or x._tape is not None else x.with_empty_tape()


def admit(
    module: Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[bool, tuple[Any, ...], dict[str, Any]]:
    """Whether some input owns a tape; then the others get an empty one, so that nothing inside runs unrecorded."""
    flat = list(_tensors((inputs, tuple(named.values()))))
    if any(t._tape is not None for t in flat):
        return True, _retape(inputs), {k: _retape(v) for k, v in named.items()}
    if any(t._serial is not None for t in flat):
        raise TapeMovedError(
            f"[{type(module).__name__}] no input owns a tape, and that of one has moved\n  hint: x.with_empty_tape() or x.detach()"
        )
    return False, inputs, named


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _tensors(v)


def _retape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value._tape is not None or not value.dtype.is_float else value.retaped()
    return tuple(_retape(v) for v in value) if isinstance(value, (tuple, list)) else value
