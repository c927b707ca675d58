"""How a line of a table becomes an op: registered, documented, callable, and a method of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from ..calls import short_call
from ..dispatch import apply, moved
from ..elementwise import Elementwise
from ..expr import Expr, arg
from ..registry import OpSpec, register
from ..tape import check_mergeable
from ..tensor import Tensor, method

__all__ = ["FUNCTIONS", "as_one_op", "as_tensor", "public", "unary"]

# every public op function by name; the root package re-exports them
FUNCTIONS: dict[str, Callable[..., Any]] = {}


def public(*aliases: str, methods: bool = True) -> Callable[[Any], Any]:
    """Publish a function under its own name and aliases, and as methods of `Tensor`."""

    def publish(function: Any) -> Any:
        name = function.__name__.rstrip("_")
        function.__name__ = name
        function.__module__ = "dfdx"
        for n in (name, *aliases):
            FUNCTIONS[n] = function
            if methods:
                method(function, n)
        return function

    return publish


def as_tensor(op: str, x: Any) -> Tensor:
    """x if it is a tensor, else a `TypeError` that says how to make one."""
    if not isinstance(x, Tensor):
        raise TypeError(f"[{op}] takes a tensor, not {type(x).__name__}; dev.tensor(data) makes one")
    return x


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for v in values:
        if isinstance(v, Tensor):
            yield v
        elif isinstance(v, (tuple, list)):
            yield from _tensors(v)


def _entered(v: Any, first: dict[int, Tensor]) -> Any:
    """An operand, or those of a tuple or list, as handles of their own; `first` notes who takes the tape of whom, by id."""
    if isinstance(v, (tuple, list)):
        return type(v)([_entered(x, first) for x in v]) if any(True for _ in _tensors(v)) else v
    if not isinstance(v, Tensor) or v._serial is None:
        return v
    if v._tape is None or id(v) in first:
        return v.retaped()
    return first.setdefault(id(v), v._alias(v._tape, v._serial))


def as_one_op(function: Any) -> Any:
    """Let a function of several ops treat its operands' tapes as one op does.

    One tensor may stand twice, and one whose tape has moved on may stand beside an owner; a call that raises leaves all
    tapes where they were. Within the function each operand is a handle of its own, with a tape of its own.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        operands = {id(t): t for t in _tensors((*args, *kwargs.values())) if t._serial is not None}
        if not operands or any(t._tape is not None and t._tape.shared for t in operands.values()):
            return function(*args, **kwargs)
        tapes = [t._tape for t in operands.values() if t._tape is not None]
        if not tapes:
            raise moved(function.__name__, tuple(operands.values()))
        check_mergeable(function.__name__, tapes)
        marks = [(tape, len(tape.entries), tape.gradients) for tape in tapes]
        first: dict[int, Tensor] = {}
        try:
            out = function(*_entered(args, first), **{k: _entered(v, first) for k, v in kwargs.items()})
        except BaseException:
            for tape, n, gradients in marks:
                del tape.entries[n:]
                tape.gradients = gradients
            raise
        for key, handle in first.items():
            if out is handle:
                return operands[key]
            if handle._tape is None:
                operands[key]._tape, operands[key]._taker = None, function.__name__
        return out

    return run


def unary(
    name: str,
    build: Callable[[Expr], Expr],
    doc: str,
    *,
    takes: str = "float",
    gives: Any = "same",
    gradient: Any = "derived",
    aliases: tuple[str, ...] = (),
) -> OpSpec:
    """Define an op of one tensor from its expression."""
    spec = register(
        Elementwise(
            name,
            build(arg(0)),
            1,
            takes=takes,
            gives=gives,
            gradient=gradient,
            family="unary",
            aliases=aliases,
            doc=doc,
        )
    )

    def function(x: Tensor) -> Tensor:
        return apply(spec, (x if isinstance(x, Tensor) else as_tensor(name, x),))

    function.__name__, function.__qualname__, function.__doc__ = name, name, doc
    public(*aliases)(short_call(spec, function, ("x",)))
    return spec
