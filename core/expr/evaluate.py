"""Running an expression over any array namespace: the reference for every printer, and the slow path of simple backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .functions import REDUCTIONS
from .nodes import Expr, walk
from .program import MapProgram

__all__ = ["Plain", "erf_by", "evaluate", "evaluate_program", "function_of", "prepare"]

_NAMES = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "abs": "abs", "floordiv": "floor_divide",
    "mod": "remainder", "maximum": "maximum", "minimum": "minimum", "pow": "pow", "sqrt": "sqrt", "exp": "exp", "expm1": "expm1",
    "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh", "floor": "floor", "ceil": "ceil",
    "round": "round", "trunc": "trunc", "sign": "sign", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "isnan": "isnan", "isfinite": "isfinite",
}  # fmt: skip
_LOGIC = {"and": "logical_and", "or": "logical_or", "xor": "logical_xor", "not": "logical_not"}


class Plain:
    """How `prepare` sees an array namespace; a backend may hand in an object of its own with these methods."""

    def __init__(self, xp: Any, dtype_of: Callable[[Any], Any] = lambda d: d.numpy) -> None:
        self.xp, self.dtype_of = xp, dtype_of

    def function(self, op: str, dtype: Any) -> Callable[..., Any]:
        """What computes a native function on operands of this dtype."""
        if dtype is None and op in _LOGIC:
            return lambda *xs: function_of(self.xp, op, str(getattr(xs[0], "dtype", "")).endswith("bool"))(*xs)
        return function_of(self.xp, op, dtype is not None and dtype.kind == "bool")

    def constant(self, value: Any, dtype: Any) -> Any:
        """A Python number as an array of rank 0; as it is where its dtype is not known."""
        return value if dtype is None else self.xp.asarray(value, dtype=self.dtype_of(dtype))

    def convert(self, x: Any, source: Any, target: Any) -> Any:
        """x in the dtype in which `target` computes."""
        return self.xp.astype(x, self.dtype_of(target.compute))

    def settle(self, dtype: Any) -> Callable[[Any], Any] | None:
        """What brings a result back into the range of its dtype, where the library has no such dtype; None: nothing."""
        return None


def function_of(xp: Any, op: str, logical: bool) -> Callable[..., Any]:
    """The namespace's function for a native function of the language."""
    if op == "erf":
        return partial(erf_by, xp)
    if op in _LOGIC:
        name = _LOGIC[op]
        return getattr(
            xp, name if logical else name.replace("logical_not", "bitwise_invert").replace("logical", "bitwise")
        )
    return getattr(xp, _NAMES[op])


def prepare(
    roots: Sequence[Expr], space: Any, types: Mapping[Expr, Any], axes: tuple[int, ...] = ()
) -> Callable[..., list[Any]]:
    """The steps that compute expressions over a namespace, found once; common parts are computed once.

    * `space`: a `Plain` or an object with its methods.
    * `types`: the dtype of each node, from which constants take theirs; `axes`: the reduced axes of a row program.

    Returns a function of (args, scalars, index, words) that gives one value per root; `index` is the array for that leaf,
    `words(key, counter)` makes the array for `random`. Temporaries are dropped after their last use.
    """
    nodes = list(walk(roots))
    at = {n: i for i, n in enumerate(nodes)}
    seeds = {a for n in nodes if n.op == "random" for a in n.args}
    last = {a: i for i, n in enumerate(nodes) for a in n.args}
    steps = [
        (_step(n, space, types, axes, n in seeds), tuple(at[a] for a in n.args), [at[a] for a in set(n.args) if last[a] == i and a not in roots])
        for i, n in enumerate(nodes)
    ]  # fmt: skip
    wanted = [at[r] for r in roots]

    def run(args: Sequence[Any], scalars: Sequence[Any] = (), index: Any = None, words: Any = None) -> list[Any]:
        leaves = (args, scalars, index, words)
        values: list[Any] = []
        for step, operands, dead in steps:
            values.append(step(leaves, *[values[k] for k in operands]))
            for k in dead:
                values[k] = None
        return [values[k] for k in wanted]

    return run


def _step(n: Expr, space: Any, types: Mapping[Expr, Any], axes: tuple[int, ...], seed: bool) -> Callable[..., Any]:
    """A function of (leaves, *operands) for one node."""
    dtype, value = types.get(n), n.value
    if n.op == "arg":
        return lambda leaves: leaves[0][value]
    if n.op == "const":
        fixed = space.constant(value, dtype)
        return lambda leaves: fixed
    if n.op == "scalar":
        return (lambda leaves: leaves[1][value]) if seed else lambda leaves: space.constant(leaves[1][value], dtype)
    if n.op == "index":
        return lambda leaves: leaves[2]
    if n.op == "random":
        return lambda leaves, key, counter: leaves[3](key, counter) if callable(leaves[3]) else leaves[3]
    if n.op == "cast":
        source = types.get(n.args[0])
        return lambda leaves, x: space.convert(x, source, value)
    if n.op in REDUCTIONS:
        reduce, settle = getattr(space.xp, REDUCTIONS[n.op]), space.settle(dtype)
        call = partial(reduce, axis=axes, keepdims=True)
    else:
        call = space.xp.where if n.op == "select" else space.function(n.op, types.get(n.args[0]))
        settle = space.settle(dtype)
    if settle is not None:
        return lambda leaves, *xs: settle(call(*xs))
    return lambda leaves, *xs: call(*xs)


def evaluate(
    expr: Expr, xp: Any, args: Sequence[Any], scalars: Sequence[Any] = (), *,
    index: Any = None, words: Any = None, axes: tuple[int, ...] = (),
) -> Any:  # fmt: skip
    """The value of one expression, in the namespace's own promotion; `args` are arrays of one shape.

    * `index`, `words`: arrays for those leaves; `axes`: the reduced axes of a row program.
    """
    return prepare([expr], Plain(xp), {}, axes)(args, scalars, index, words)[0]


# erf in three ranges. Source: W. J. Cody, Rational Chebyshev approximations for the error function (1969).
_A = (
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
    1.85777706184603153e-1,
)
_B = (2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03)
_C = (5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e01, 2.98635138197400131e02, 8.81952221241769090e02,
      1.71204761263407058e03, 2.05107837782607147e03, 1.23033935479799725e03, 2.15311535474403846e-8)  # fmt: skip
_D = (1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03, 3.29079923573345963e03,
      4.36261909014324716e03, 3.43936767414372164e03, 1.23033935480374942e03)  # fmt: skip


def erf_by(xp: Any, x: Any) -> Any:
    """erf over any namespace, within 2 ulp in f64 and f32."""
    y = xp.abs(x)
    z = xp.where(y <= 0.46875, x * x, xp.zeros_like(x))
    num, den = _A[4] * z, z
    for i in range(3):
        num, den = (num + _A[i]) * z, (den + _B[i]) * z
    small = x * ((num + _A[3]) / (den + _B[3]))
    t = xp.where(y > 5.9, xp.ones_like(y) * 5.9, xp.where(y < 0.46875, xp.ones_like(y) * 0.46875, y))
    num, den = _C[8] * t, t
    for i in range(7):
        num, den = (num + _C[i]) * t, (den + _D[i]) * t
    tail = 1.0 - xp.exp(-t * t) * ((num + _C[7]) / (den + _D[7]))
    big = xp.where(x < 0, -tail, tail)
    out = xp.where(y <= 0.46875, small, xp.where(y > 5.9, xp.sign(x), big))
    return xp.where(xp.isnan(x), x, out)


def evaluate_program(
    program: MapProgram, xp: Any, args: Sequence[Any], scalars: Sequence[Any], *, dtype_of: Any = None,
    index: Any = None, words: Any = None, axes: tuple[int, ...] = (),
) -> list[Any]:  # fmt: skip
    """Run a program with its dtypes: narrow arguments widened, each output rounded once."""
    to = dtype_of or (lambda d: d.numpy)
    wide = [
        xp.astype(a, to(d.compute)) if d.compute is not d else a for a, d in zip(args, program.in_dtypes, strict=True)
    ]
    outs = prepare(program.outputs, Plain(xp, to), program.types, axes)(wide, scalars, index, words)
    return [xp.astype(xp.asarray(o), to(d)) for o, d in zip(outs, program.out_dtypes, strict=True)]


def index_array(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The logical linear index of each element."""
    n = int(np.prod(shape)) if shape else 1
    return np.arange(n, dtype=np.int64).reshape(shape)
