"""The reference array: a float64 value, a bound on a correct device's error, and the way back to its inputs.

Every function adds the error that a device may make itself and carries the errors of its inputs through its partial
derivatives. The bound of a whole expression, module or gradient is what comes out at the end; nothing is typed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.dtypes import DType, f64

__all__ = [
    "Arithmetic",
    "Ref",
    "arithmetic",
    "carried",
    "const",
    "gradient",
    "leaf",
    "now",
    "own",
    "ref",
    "spacing",
    "stored",
]

Array = np.ndarray[Any, Any]
Pull = Callable[["Ref"], Sequence["Ref | None"]]

# Units in the last place that a function may be off. Source: OpenCL 1.2 specification, section 7.4, full profile.
ULP: dict[str, float] = {
    "add": 0.5, "sub": 0.5, "mul": 0.5, "div": 2.5, "neg": 0, "abs": 0, "maximum": 0, "minimum": 0, "pow": 16, "sqrt": 3, "exp": 3,
    "expm1": 3, "log": 3, "log1p": 2, "sin": 4, "cos": 4, "tan": 5, "tanh": 5, "erf": 16, "floor": 0, "ceil": 0, "round": 0,
    "trunc": 0, "sign": 0,
}  # fmt: skip
SUM = 8.0  # sums of products: this many eps of the sum of the absolute values, whatever the order of summation
LARGEST = {"f16": 65504.0, "bf16": 3.3895313892515355e38, "f32": 3.4028234663852886e38, "f64": 1.7976931348623157e308}
SMALLEST_NORMAL = {"f16": 2.0**-14, "bf16": 2.0**-126, "f32": 2.0**-126, "f64": 2.0**-1022}


@dataclass(frozen=True)
class Arithmetic:
    """What a device computes in: `compute` inside a kernel, `storage` between kernels.

    * `each`: every single function may be a kernel of its own, so that each result is rounded to `storage`.
    * `ulp`: where the device declares worse functions than the table above; `flush`: it may flush subnormal results to 0.
    """

    compute: type[DType] = f64
    storage: type[DType] = f64
    each: bool = False
    ulp: Mapping[str, float] = field(default_factory=dict)
    flush: bool = False

    @property
    def doubt(self) -> float:
        """The reference is float64 itself: beside a float64 device its own rounding is charged too."""
        return 2.0 if self.compute is f64 else 1.0


_current = [Arithmetic()]


def now() -> Arithmetic:
    """The arithmetic that errors are counted for."""
    return _current[-1]


@contextmanager
def arithmetic(a: Arithmetic) -> Iterator[None]:
    """Count errors for this arithmetic; floating-point warnings are off inside."""
    _current.append(a)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _current.pop()


class Ref:
    """A value `v` (float64; integers and bools as they are), the error bound `e` of its elements, and its derivation."""

    __slots__ = ("e", "inputs", "pull", "v")
    __array_ufunc__ = None  # NumPy arrays on the left leave the operation to us

    def __init__(self, v: Any, e: Any = 0.0, inputs: tuple[Ref, ...] = (), pull: Pull | None = None) -> None:
        self.v, self.inputs, self.pull = np.asarray(v), inputs, pull
        self.e: Array = np.broadcast_to(np.asarray(e, np.float64), self.v.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.v.shape

    @property
    def is_float(self) -> bool:
        return self.v.dtype.kind == "f"

    def __repr__(self) -> str:
        return f"Ref({self.v!r} within {self.e!r})"

    def __add__(self, o: Any) -> Ref:
        return _binary("add", self, o)

    def __radd__(self, o: Any) -> Ref:
        return _binary("add", o, self)

    def __sub__(self, o: Any) -> Ref:
        return _binary("sub", self, o)

    def __rsub__(self, o: Any) -> Ref:
        return _binary("sub", o, self)

    def __mul__(self, o: Any) -> Ref:
        return _binary("mul", self, o)

    def __rmul__(self, o: Any) -> Ref:
        return _binary("mul", o, self)

    def __truediv__(self, o: Any) -> Ref:
        return _binary("div", self, o)

    def __rtruediv__(self, o: Any) -> Ref:
        return _binary("div", o, self)

    def __neg__(self) -> Ref:
        return FUNCTIONS["neg"](self)


FUNCTIONS: dict[str, Callable[..., Ref]] = {}  # filled by elementwise.py


def _binary(name: str, a: Any, b: Any) -> Ref:
    return FUNCTIONS[name](a, b)


def leaf(v: Any) -> Ref:
    """An input: exact, since it was rounded to the device's dtype before."""
    v = np.asarray(v)
    return Ref(v.astype(np.float64) if v.dtype.kind == "f" or v.dtype.name == "bfloat16" else v)


def ref(x: Any) -> Ref:
    """x itself, or a constant, which a device rounds to the dtype that it computes in."""
    if isinstance(x, Ref):
        return x
    v = np.asarray(x)
    if v.dtype.kind != "f":
        return Ref(v)
    with np.errstate(all="ignore"):
        rounded = v.astype(now().compute.numpy).astype(np.float64)
        return Ref(v.astype(np.float64), np.nan_to_num(np.abs(rounded - v), nan=0.0, posinf=0.0))


def const(x: Ref) -> Ref:
    """The same value with its error, but nothing flows back."""
    return Ref(x.v, x.e)


def spacing(dtype: type[DType], v: Array) -> Array:
    """One unit in the last place at v: the distance to the next representable number."""
    _, exponent = np.frexp(np.maximum(np.abs(v), SMALLEST_NORMAL[dtype.storage]))
    return np.ldexp(dtype.eps, exponent - 1)


def own(v: Array, function: str) -> Array:
    """The error a device may make itself in one elementwise function of result v."""
    if v.dtype.kind != "f":
        return np.zeros(())
    a = now()
    ulp = a.ulp.get(function, ULP[function])
    e = a.doubt * ulp * spacing(a.compute, v)
    if a.flush:
        e = e + SMALLEST_NORMAL[a.compute.storage]
    return e + _rounding(v)


def own_sum(v: Any, absolute: Any) -> Array:
    """The error a device may make in a sum of result v whose terms have the given absolute sum."""
    if v.dtype.kind != "f":
        return np.zeros(())
    a = now()
    return a.doubt * SUM * a.compute.eps * absolute + _rounding(v)


def _rounding(v: Array) -> Any:
    """Half a unit of the storage dtype where every result is stored; a result that it cannot hold may become anything."""
    a = now()
    if not a.each or a.storage.storage == a.compute.storage:
        return 0.0
    overflow = np.isfinite(v) & (np.abs(v) >= LARGEST[a.storage.storage])
    return np.where(overflow, np.inf, 0.5 * spacing(a.storage, v))


def stored(x: Ref) -> Ref:
    """x as a kernel writes it: rounded once to the storage dtype, which leaves exact values alone."""
    a = now()
    if not x.is_float or a.each or a.storage.storage == a.compute.storage:
        return x
    exact = (x.e == 0) & (x.v.astype(a.storage.numpy).astype(np.float64) == x.v)
    return Ref(x.v, x.e + np.where(exact, 0.0, 0.5 * spacing(a.storage, x.v)), (x,), lambda g: (g,))


def carried(slope: Any, e: Array) -> Array:
    """An input's error times the size of a partial derivative; no error carries none, even through an infinite slope."""
    if not e.any():
        return np.zeros(())
    with np.errstate(all="ignore"):
        return np.where(e == 0, 0.0, np.where(np.isinf(e), np.inf, np.abs(slope) * e))


def gradient(outs: Sequence[Ref], seeds: Sequence[Any], wrt: Sequence[Ref]) -> list[Ref]:
    """The gradient of sum(out * seed) with respect to each of `wrt`, with its own error bound."""
    order = _order(outs)
    live = {id(w) for w in wrt}
    for n in order:
        if any(id(i) in live for i in n.inputs):
            live.add(id(n))
    adjoint: dict[int, Ref] = {}
    for o, s in zip(outs, seeds, strict=True):
        _give(adjoint, o, s if isinstance(s, Ref) else Ref(np.asarray(s, np.float64)))
    for n in reversed(order):
        g = adjoint.get(id(n))
        if g is None or n.pull is None or id(n) not in live:
            continue
        for i, part in zip(n.inputs, n.pull(g), strict=True):
            if part is not None and id(i) in live:
                _give(adjoint, i, part)
    return [adjoint.get(id(w), Ref(np.zeros(w.shape))) for w in wrt]


def _give(adjoint: dict[int, Ref], n: Ref, g: Ref) -> None:
    former = adjoint.get(id(n))
    adjoint[id(n)] = g if former is None else former + g


def _order(outs: Sequence[Ref]) -> list[Ref]:
    """Every node once, inputs before users."""
    done: list[Ref] = []
    seen: set[int] = set()
    stack = [(o, False) for o in outs]
    while stack:
        n, ready = stack.pop()
        if ready:
            done.append(n)
        elif id(n) not in seen:
            seen.add(id(n))
            stack.append((n, True))
            stack.extend((i, False) for i in n.inputs)
    return done
