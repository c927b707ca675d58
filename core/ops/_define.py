"""How a line of a table becomes an op: registered, documented, callable, and a method of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calls import short_call
from ..dispatch import apply
from ..elementwise import Elementwise
from ..expr import Expr, arg
from ..registry import OpSpec, register
from ..tensor import Tensor, method

__all__ = ["FUNCTIONS", "public", "unary"]

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
