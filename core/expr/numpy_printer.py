"""Programs as straight-line NumPy: each node a ufunc call into a reused temporary."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..philox import philox_words
from .evaluate import erf_by, index_array
from .functions import NATIVE, REDUCTIONS
from .nodes import Expr
from .program import MapProgram, RowProgram

__all__ = ["compile_map", "compile_row", "quiet", "reset_errors", "set_quiet"]

try:  # the same as np.errstate(all="ignore") at a tenth of its cost
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    _QUIET = _make_extobj(all="ignore")
    _set, _reset = partial(_extobj_contextvar.set, _QUIET), _extobj_contextvar.reset
except ImportError:

    def _set() -> Any:  # type: ignore[misc]
        return np.seterr(all="ignore")

    def _reset(former: Any) -> None:
        np.seterr(**former)


set_quiet, reset_errors = (
    _set,
    _reset,
)  # for kernels on a hot path: token = set_quiet(); try: ...; finally: reset_errors(token)
_PROLOGUE = "    token = _set()\n    try:\n"
_EPILOGUE = "    finally:\n        _reset(token)\n"
# integer and comparison kernels raise no floating-point flags
_SILENT = {
    "add",
    "sub",
    "mul",
    "neg",
    "abs",
    "maximum",
    "minimum",
    "sign",
    "and",
    "or",
    "xor",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "select",
}


def quiet(fn: Callable[..., Any]) -> Callable[..., Any]:
    """fn without floating-point warnings, and without touching the caller's error state."""

    def run(*args: Any, **kwargs: Any) -> Any:
        token = _set()
        try:
            return fn(*args, **kwargs)
        finally:
            _reset(token)

    return run


class _Writer:
    """Emits one program; keeps a free list of temporaries by dtype."""

    def __init__(
        self, program: MapProgram, shape: tuple[int, ...], inplace: tuple[int | None, ...], axes: tuple[int, ...]
    ) -> None:
        self.p, self.shape, self.inplace, self.axes = program, shape, inplace, axes
        self.lines: list[str] = []
        self.names: dict[Expr, str] = {}
        self.free: dict[str, list[str]] = {}
        self.env: dict[str, Any] = {
            "np": np,
            "_set": _set,
            "_reset": _reset,
            "erf": _erf,
            "_shape": shape,
            "_words": philox_words,
            "_index": index_array,
        }
        self.uses: dict[Expr, int] = {}
        for n in program.nodes:
            for a in n.args:
                self.uses[a] = self.uses.get(a, 0) + 1
        for o in program.outputs:
            self.uses[o] = self.uses.get(o, 0) + 1
        self.target: dict[Expr, int] = {}
        for k, j in enumerate(inplace):
            if (
                j is not None
                and program.out_dtypes[k] is program.in_dtypes[j]
                and program.in_dtypes[j].compute is program.in_dtypes[j]
            ):
                self.target.setdefault(program.outputs[k], j)
        self.kinds = getattr(program, "kinds", None)
        self.owned: set[str] = set()

    def dt(self, dtype: Any) -> str:
        name = f"_{dtype.storage}"
        self.env[name] = dtype.numpy
        return name

    def full(self, n: Expr) -> bool:
        """Whether a node has the full output shape, so that its buffer can serve another full node."""
        if self.kinds is not None:
            return bool(self.kinds[n] == "full")
        return bool(n.arg_indices()) or n.op in ("index", "random") or any(self.full(a) for a in n.args)

    def done_with(self, n: Expr) -> None:
        self.uses[n] -= 1
        name = self.names[n]
        if self.uses[n] == 0 and name in self.owned and self.full(n):
            self.free.setdefault(self.p.types[n].storage, []).append(name)

    def emit(self) -> str:
        for n in self.p.nodes:
            self.node(n)
        results = [self.result(k, o) for k, o in enumerate(self.p.outputs)]
        return ", ".join(results)

    def node(self, n: Expr) -> None:
        if n.op == "arg":
            dtype = self.p.in_dtypes[n.value]
            self.names[n] = f"x{n.value}"
            if dtype.compute is not dtype:
                name = self.names[n] = f"w{n.value}"
                self.lines.append(f"{name} = x{n.value}.astype({self.dt(dtype.compute)})")
                self.owned.add(name)
        elif n.op == "scalar":
            self.names[n] = f"s{n.value}"
        elif n.op == "const":
            self.names[n] = _literal(n.value)
        else:
            self.call(n)

    def typed(self, n: Expr) -> str:
        """A leaf as a value of its own dtype, where NumPy would not see what it meets."""
        name = self.names[n]
        return f"{self.dt(self.p.types[n])}.type({name})" if n.op in ("const", "scalar") else name

    def call(self, n: Expr) -> None:
        name = f"t{len(self.names)}"
        args = [self.names[a] for a in n.args]
        out = ""
        if n.op == "index":
            text = "_index(_shape)"
        elif n.op == "random":
            self.env["_count"] = int(np.prod(self.shape)) if self.shape else 1
            text = f"_words({args[0]}, {args[1]}, _count).reshape(_shape)"
        elif n.op == "cast":
            text = f"np.asarray({args[0]}).astype({self.dt(n.value.compute)})"
        elif n.op == "select":
            text = f"np.where({args[0]}, {self.typed(n.args[1])}, {self.typed(n.args[2])})"
        elif n.op in REDUCTIONS:
            ufunc = {"sum": "np.add", "max": "np.maximum", "min": "np.minimum", "prod": "np.multiply"}[REDUCTIONS[n.op]]
            text = f"{ufunc}.reduce({args[0]}, axis=_axes, keepdims=True)"
            self.env["_axes"] = self.axes
        else:
            weak = all(a.op in ("const", "scalar") for a in n.args)
            shown = [self.typed(a) for a in n.args] if weak else args
            out = self.buffer(n) if self.shape and self.full(n) else ""
            text = f"{NATIVE[n.op].numpy}({', '.join(shown)}{', out=' + out if out else ''})"
        for a in n.args:
            if a.op not in ("const", "scalar"):
                self.done_with(a)
        if out:
            self.lines.append(text)
            self.names[n] = out
        else:
            self.lines.append(f"{name} = {text}")
            self.names[n] = name
            if n.op not in REDUCTIONS and self.full(n):
                self.owned.add(name)

    def buffer(self, n: Expr) -> str:
        """A place for the result: the argument it overwrites, or a temporary that nobody needs any more."""
        j = self.target.get(n)
        if j is not None and self.last_use(n, j):
            return f"x{j}"
        storage = self.p.types[n].storage
        dying = [
            a
            for a in n.args
            if self.uses.get(a) == sum(1 for b in n.args if b is a)
            and self.names[a] in self.owned
            and self.full(a)
            and self.p.types[a].storage == storage
        ]
        if dying and NATIVE[n.op].numpy != "erf":
            a = dying[0]
            self.owned.discard(self.names[a])  # ownership moves to the result
            name = self.names[a]
            self.owned.add(name)
            self.uses[a] += 1  # keeps `done_with` from freeing what the result now holds
            return name
        free = self.free.get(storage)
        return free.pop() if free else ""

    def last_use(self, n: Expr, j: int) -> bool:
        """Whether no node after n reads argument j, and no other output is it."""
        source = next((m for m in self.p.nodes if m.op == "arg" and m.value == j), None)
        if source is None:
            return True
        return self.uses[source] == sum(1 for a in n.args if a is source)

    def result(self, k: int, o: Expr) -> str:
        dtype, name = self.p.out_dtypes[k], self.names[o]
        j = self.inplace[k] if k < len(self.inplace) else None
        if j is not None and name == f"x{j}":
            return name
        kind = self.p.out_kinds[k] if self.p.out_kinds else "full"
        full = self.full(o) if kind == "full" else True
        value = self.typed(o) if o.op in ("const", "scalar") else name
        if o.op in ("arg", "const", "scalar") or not full or not self.shape or self.p.outputs.index(o) != k:
            shape = "_shape" if kind == "full" else "_row_shape"
            value = f"_fresh({value}, {self.dt(dtype)}, {shape})"
            self.env["_fresh"] = _fresh
        elif self.p.types[o].storage != dtype.storage:
            value = f"{value}.astype({self.dt(dtype)})"
        if kind == "row":
            value = f"{value}.reshape(_row_shape)"
        if j is not None:
            self.lines.append(f"x{j}[...] = {value}")
            return f"x{j}"
        return value


def _fresh(value: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A new array of this shape: for outputs that are an argument, a constant, smaller than the shape, or of rank 0."""
    out = np.empty(shape, dtype)
    out[...] = value if np.ndim(value) <= len(shape) else np.reshape(value, shape)
    return out


def _erf(x: Any, out: Any = None) -> Any:
    y = erf_by(np, np.asarray(x))
    if out is None:
        return y
    out[...] = y
    return out


def _literal(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float('{value}')"
    return repr(value)


def _assemble(w: _Writer, results: str, loud: bool) -> Callable[..., Any]:
    params = [f"x{i}" for i in range(w.p.n_args)] + [f"s{i}" for i in range(w.p.n_scalars)]
    body = [*w.lines, f"return {results}"]
    pad = "    " if not loud else "        "
    text = (
        f"def kernel({', '.join(params)}):\n"
        + (_PROLOGUE if loud else "")
        + "".join(f"{pad}{line}\n" for line in body)
        + (_EPILOGUE if loud else "")
    )
    exec(compile(text, f"<{w.p.outputs[0]!r}>"[:80], "exec"), w.env)
    kernel: Any = w.env["kernel"]
    kernel.source = text
    return kernel


def _loud(p: MapProgram) -> bool:
    return not all((n.op in _SILENT and not p.types[n].is_float) or not n.args for n in p.nodes)


def compile_map(
    program: MapProgram, shape: tuple[int, ...], inplace: tuple[int | None, ...] = ()
) -> Callable[..., Any]:
    """A function of (arrays, then scalars) that returns a new array, or a tuple for several outputs; `.source` is its text."""
    w = _Writer(program, shape, inplace, ())
    return _assemble(w, w.emit(), _loud(program))


def compile_row(program: RowProgram, outer: tuple[int, ...], inner: tuple[int, ...]) -> Callable[..., Any]:
    """The same for a row program, over arrays of outer + inner dims."""
    n = len(outer)
    w = _Writer(program, outer + inner, (), tuple(range(n, n + len(inner))))
    w.env["_row_shape"] = outer
    for i, kind in enumerate(program.in_kinds):
        if kind == "row" and inner:
            w.lines.append(f"x{i} = x{i}.reshape(x{i}.shape + {(1,) * len(inner)})")
    return _assemble(w, w.emit(), True)
