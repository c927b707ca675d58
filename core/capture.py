"""`capture`: a step whose launches are recorded the first time and replayed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from .cell import Cell, ViewCell
from .door import recorders, watched
from .recorder import Recorder
from .replay import Replay, build
from .straight import compiled
from .tensor import Tensor

__all__ = ["Captured", "capture"]

P = ParamSpec("P")
R = TypeVar("R")
_PER_KEY = 4  # states of gradients for which a step is captured anew, before it runs eagerly


def capture(step: Callable[P, R]) -> Captured[P, R]:
    """A function that runs `step` as written once, recording its kernel launches, and replays them from then on.

    A replay rebinds tensor arguments, the values of parameters, optimizer states, running statistics and gradients, the
    numbers of optimizers and schedules, and the device's random counter. All else that Python did is frozen: control flow,
    other arguments (other values are captured anew), numbers. A step that reads values (`item`, `array`, `bool(t)`), copies
    some in (`dev.tensor`), moves between devices or opens one cannot be replayed: it always runs as written, and `.reason`
    says why.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> double = dfdx.capture(lambda x: x + x)
    >>> [double(dev.full((2,), v)).tolist() for v in (1.0, 2.0)]
    [[2.0, 2.0], [4.0, 4.0]]
    >>> double.replays, double.reason
    (1, '')
    """
    return Captured(step)


class Captured(Generic[P, R]):
    """What `dfdx.capture` gives: call it like the step.

    * `replays`: how many calls were replayed.
    * `reason`: why the last call ran as written although a former one had been recorded; empty where it did not.
    """

    __module__ = "dfdx"

    def __init__(self, step: Callable[P, R]) -> None:
        if not callable(step):
            raise TypeError(f"[capture] takes a function, not {type(step).__name__}")
        self.step, self.replays, self.reason = step, 0, ""
        self._found: dict[Any, list[Replay] | str] = {}
        self._written: set[int] = set()  # ids of the cells that recorded steps write to
        self._last: tuple[Callable[..., bool], Replay] | None = None  # whether it takes such arguments, and the replay
        update_wrapper(self, step)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if watched or recorders:  # a profile shows the launches one by one; an outer capture records them
            return self.step(*args, **kwargs)
        last = self._last
        if last is not None and not kwargs and last[0](*args) and last[1].fits():
            self.replays += 1
            self.reason = ""
            return last[1].run(*args)  # type: ignore[no-any-return]
        try:
            key, tensors = _key(args, kwargs, self._written)
        except TypeError as e:
            return self._eager(str(e), args, kwargs)
        found = self._found.get(key)
        if isinstance(found, str):
            return self._eager(found, args, kwargs)
        if found is not None:
            for replay in found:
                if replay.fits():
                    self.replays += 1
                    self.reason = ""
                    self._last = None if kwargs else _short_way(args, replay, self._written)
                    return replay.run(*tensors)  # type: ignore[no-any-return]
        return self._record(key, tensors, found, args, kwargs)

    def _eager(self, reason: str, args: Any, kwargs: Any) -> R:
        self.reason = reason
        return self.step(*args, **kwargs)

    def _record(self, key: Any, tensors: list[Tensor], found: Any, args: Any, kwargs: Any) -> R:
        """Run the step as written; what it launched is the replay of later calls with this key."""
        if found is not None and len(found) >= _PER_KEY:
            self._found[key] = reason = "the gradients differ from call to call"
            return self._eager(reason, args, kwargs)
        self.reason = "" if not self._found else "new shapes, arguments or gradients: recorded anew"
        recorder = Recorder()
        with recorder:
            recorder.arguments(tensors)
            result = self.step(*args, **kwargs)
        self._written.update({id(cell) for cell, _, _ in recorder.writes} & recorder.outside)
        replay = build(recorder, tensors, result, getattr(self.step, "__name__", "step"))
        if isinstance(replay, str):
            self._found[key] = self.reason = replay
        else:
            self._found[key] = [replay, *(found or ())]
        return result

    @property
    def source(self) -> str:
        """The text of the replays, as Python."""
        replays = [r for found in self._found.values() if isinstance(found, list) for r in found]
        return "\n".join(r.run.source for r in replays)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<captured {getattr(self.step, '__qualname__', self.step)!s}, {self.replays} replays>"


def _short_way(args: tuple[Any, ...], replay: Replay, written: set[int]) -> tuple[Callable[..., bool], Replay] | None:
    """(whether a replay takes such arguments, the replay), where all are tensors and no two the same: without making a key."""
    if not all(type(a) is Tensor for a in args) or len({id(a._cell) for a in args}) < len(args):
        return None
    env: dict[str, Any] = {"Cell": Cell, "Tensor": Tensor, "part": _is_part_of, "written": written}
    tests = [f"len(args) == {len(args)}"]
    for i, a in enumerate(args):
        env[f"y{i}"], env[f"d{i}"] = a._type, a.device
        tests += [
            f"type(t := args[{i}]) is Tensor",
            f"t._type is y{i}",
            f"t.device is d{i}",
            "t._serial is None",
            "(type(t._cell) is Cell or not part(t._cell, written))",
        ]
        tests += [f"args[{j}]._cell is not t._cell" for j in range(i)]
    return compiled(f"def run(*args):\n    return {' and '.join(tests)}\n", env, "arguments of a captured step"), replay


def _key(args: tuple[Any, ...], kwargs: dict[str, Any], written: set[int]) -> tuple[Any, list[Tensor]]:
    """(what a replay depends on, the tensors that it rebinds); a view of a cell of `written` is not like another."""
    tensors: list[Tensor] = []
    parts: list[Any] = []
    for a in args:
        if type(a) is Tensor and a._serial is None and not _is_part_of(a._cell, written):
            tensors.append(a)
            parts.append(a._type)
            parts.append(a.device)
        else:
            parts.append(_part(a, tensors, written))
    for name in sorted(kwargs):
        parts.append((name, _part(kwargs[name], tensors, written)))
    if len(tensors) > 1:  # an argument that is given twice is one value
        cells = [id(t._cell) for t in tensors]
        if len(set(cells)) < len(cells):
            parts.append(tuple([cells.index(c) for c in cells]))
    return tuple(parts), tensors


def _is_part_of(cell: Any, written: set[int]) -> bool:
    """Whether it is a view of one of these cells."""
    return type(cell) is ViewCell and id(cell.root) in written


def _part(value: Any, tensors: list[Tensor], written: set[int]) -> Any:
    """The key of one argument; its tensors are appended."""
    if isinstance(value, Tensor):
        if value._serial is not None:
            raise TypeError("an argument was traced outside of the step: trace it inside")
        tensors.append(value)
        return value._type, value.device, _is_part_of(value._cell, written)
    if isinstance(value, (tuple, list)):
        return type(value), tuple([_part(v, tensors, written) for v in value])
    if isinstance(value, dict):
        return dict, tuple([(k, _part(v, tensors, written)) for k, v in value.items()])
    try:
        hash(value)
    except TypeError:
        raise TypeError(f"an argument of type {type(value).__name__} cannot be told apart from another") from None
    return type(value), value
