"""From NumPy to machine code: a kernel that is called a few times is compiled, once per program, and swapped in place."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ....core.contract import MapProgram
from .builtin import builtin, compile_ir, usable
from .printer import print_map, supported

__all__ = ["promote"]

AFTER = 3  # calls served by NumPy before a kernel is worth compiling
_compiled: dict[tuple[Any, ...], Callable[..., Any] | None] = {}

_COUNTING = "def kernel({p}):\n    _tick()\n    return _slow({p})\n"
_NATIVE = "def kernel({p}):\n{make}    if _native(_n, {a}{o}{s}) is None:\n        return {r}\n    return _slow({p})\n"


def promote(
    slow: Callable[..., Any], program: MapProgram, shape: tuple[int, ...], inplace: tuple[int | None, ...]
) -> Callable[..., Any]:
    """`slow` until it has been called `AFTER` times, then machine code where that is possible.

    The function object stays the same: its code is replaced, so that nobody who holds it needs to know.
    """
    if not supported(program):
        return slow
    params = ", ".join([f"x{i}" for i in range(program.n_args)] + [f"s{i}" for i in range(program.n_scalars)])
    env: dict[str, Any] = {
        "_slow": slow,
        "_n": prod(shape),
        "_empty": np.empty,
        "_shape": shape,
        "_f32": np.dtype(np.float32),
    }
    calls = 0

    def tick() -> None:
        nonlocal calls
        calls += 1
        if calls >= AFTER:
            env["_tick"] = _nothing
            native = _native(program)
            if native is not None:
                env["_native"] = native
                kernel.__code__ = _code(_native_text(program, params, inplace), env).__code__

    env["_tick"] = tick
    kernel = _code(_COUNTING.format(p=params), env)
    return kernel


def _nothing() -> None:
    """Compiling was tried."""


def _code(text: str, env: dict[str, Any]) -> Any:
    exec(compile(text, "<dfdx kernel>", "exec"), env)
    function = env["kernel"]
    function.source = text
    return function


def _native_text(program: MapProgram, params: str, inplace: tuple[int | None, ...]) -> str:
    made, outs = [], []
    for k in range(len(program.outputs)):
        j = inplace[k] if k < len(inplace) else None
        outs.append(f"x{j}" if j is not None else f"y{k}")
        if j is None:
            made.append(f"    y{k} = _empty(_shape, _f32)\n")
    arrays = "".join(f"x{i}, " for i in range(program.n_args))
    scalars = "".join(f", s{i}" for i in range(program.n_scalars))
    return _NATIVE.format(p=params, make="".join(made), a=arrays, o=", ".join(outs), s=scalars, r=", ".join(outs))


def _native(program: MapProgram) -> Callable[..., Any] | None:
    """The builtin of a program; None where it cannot be made."""
    key = (program.outputs, program.n_args, program.n_scalars)
    if key not in _compiled:
        _compiled[key] = None
        if usable():
            name = f"map{len(_compiled)}"
            _compiled[key] = builtin(name, compile_ir(print_map(program, name), name))
    return _compiled[key]
