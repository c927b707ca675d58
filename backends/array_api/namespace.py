"""An array library as a device sees it: its dtypes, what it computes in, and what it lacks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.contract import DTYPES, Capabilities, DType, function_of

__all__ = ["Namespace"]

DT = type[DType]
_KINDS = {"f": "float", "i": "int", "u": "uint", "b": "bfloat"}


def _as_it_is(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


class Namespace:
    """What the kernels of this folder ask of an array library.

    * `xp`: an array API namespace, e.g. `array_api_compat.torch`, `jax.numpy`, `array_api_strict`.
    * `device`: handed to the functions that make arrays.
    * `dtypes`: the library's own dtype by our name, where it is not called as in the standard; None leaves one out.
    * `work`: {"u32": "i64"} has arithmetic on u32 run in i64, where the library stores a dtype but cannot compute in it.
    * `functions`: by name in the expression language, e.g. {"erf": torch.erf}; also "matmul"(a, b), and "add_at"(values, rows, count), which
      adds (n, width) values to the rows (n,) of (count, width) zeros, rows that repeat adding up.
    * `compile`: makes a faster function of a pure one, e.g. `jax.jit`; scalars reach it as NumPy scalars.
    * `guard`: wraps whatever calls the library, e.g. to set an error state around it.
    * `to_host`: an array as a NumPy array, where `numpy.asarray` cannot.
    * `synchronous`: errors show at the call. An index out of range is then an `IndexError`; else it reads 0
      and writes nothing, unless the environment has DFDX_CHECK=1.
    """

    def __init__(
        self, xp: Any, *, device: Any = None, dtypes: Mapping[str, Any] | None = None, work: Mapping[str, str] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None, compile: Callable[..., Any] = _as_it_is,
        guard: Callable[..., Any] = _as_it_is, to_host: Callable[[Any], Any] = np.asarray, synchronous: bool = True,
    ) -> None:  # fmt: skip
        self.xp, self.device, self.functions = xp, device, dict(functions or {})
        self.compile, self.guard, self.to_host, self.synchronous = compile, guard, to_host, synchronous
        self.checks_indices = synchronous or os.environ.get("DFDX_CHECK") == "1"
        self.dtypes = {d: t for d in DTYPES.values() if (t := _native(xp, d.storage, dtypes or {})) is not None}
        self.work = {DTYPES[a]: DTYPES[b] for a, b in (work or {}).items()}
        for a, b in self.work.items():
            if not (a.is_int and b.is_int and np.can_cast(a.numpy, b.numpy, "safe")):
                raise ValueError(f"{a.name} cannot be computed in {b.name}, which does not hold all its values")

    def capabilities(self, **more: Any) -> Capabilities:
        """The dtypes that the library has, whether it is synchronous, and what else the backend declares."""
        return Capabilities(dtypes=frozenset(self.dtypes), synchronous=self.synchronous, **more)

    # ----- dtypes

    def dtype(self, dtype: DT) -> Any:
        """The library's dtype in which values of ours are stored."""
        return self.dtypes[dtype]

    def computes(self, dtype: DT) -> DT:
        """The dtype in which arithmetic on `dtype` runs: f32 for narrow floats, what `work` says for others."""
        return self.work.get(dtype, dtype.compute)

    def widen(self, x: Any, dtype: DT) -> Any:
        """Stored values of `dtype` as values to compute with."""
        wide = self.computes(dtype)
        return x if wide is dtype else self.xp.astype(x, self.dtype(wide))

    def narrow(self, x: Any, dtype: DT) -> Any:
        """Computed values, rounded once to how `dtype` is stored."""
        return x if self.computes(dtype) is dtype else self.xp.astype(x, self.dtype(dtype))

    def cast(self, x: Any, source: DT, target: DT) -> Any:
        """Stored values of `source` as stored values of `target`: floats to integers saturate and NaN gives 0."""
        if target.kind == "bool" or (target.is_int and target in self.work) or (source.is_float and target.is_int):
            return self.narrow(self.convert(self.widen(x, source), source, target), target)
        wide = self.widen(x, source) if source.is_int else x
        return self.xp.astype(wide, self.dtype(target))

    # ----- what `prepare` asks for

    def function(self, op: str, dtype: DT) -> Callable[..., Any]:
        """What computes a function of the expression language."""
        return self.functions.get(op) or function_of(self.xp, op, dtype.kind == "bool")

    def constant(self, value: Any, dtype: DT) -> Any:
        """A number as an array of rank 0, of the dtype in which `dtype` computes."""
        return self.xp.asarray(value, dtype=self.dtype(self.computes(dtype)), device=self.device)

    def convert(self, x: Any, source: DT, target: DT) -> Any:
        """Computed values of `source` as values to compute with in `target`."""
        wide = self.dtype(self.computes(target))
        if target.kind == "bool":
            return self.xp.astype(x, wide) if source.kind == "bool" else x != self.constant(0, source)
        if source.is_float and target.is_int:
            return self._saturate(x, source, target)
        settle = self.settle(target)
        x = self.xp.astype(x, wide)
        return x if settle is None else settle(x)

    def _saturate(self, x: Any, source: DT, target: DT) -> Any:
        xp, wide, info = self.xp, self.dtype(self.computes(target)), np.iinfo(target.numpy)
        low, high = self.constant(float(info.min), source), self.constant(float(info.max) + 1.0, source)
        inside = xp.logical_and(x >= low, x < high)
        whole = xp.astype(xp.where(inside, x, xp.zeros_like(x)), wide)
        whole = xp.where(x >= high, self.constant(info.max, target), whole)
        return xp.where(x < low, self.constant(info.min, target), whole)

    def settle(self, dtype: DT) -> Callable[[Any], Any] | None:
        """What wraps results of an integer dtype that computes in a wider one; None where nothing is to do."""
        if not (dtype.is_int and dtype in self.work):
            return None
        xp, mask, sign = self.xp, self.constant(2**dtype.bits - 1, dtype), self.constant(2 ** (dtype.bits - 1), dtype)
        if dtype.kind == "uint":
            return lambda x: xp.bitwise_and(x, mask)
        return lambda x: xp.bitwise_and(x + sign, mask) - sign

    def scalar(self, value: Any, dtype: DT | None) -> Any:
        """A Python number as a NumPy scalar, which a compiled function takes without being compiled anew."""
        return value if dtype is None else self.computes(dtype).numpy.type(value)

    def seed(self, value: int) -> Any:
        """A 64-bit key or counter; as a NumPy scalar where kernels are compiled."""
        return value if self.compile is _as_it_is else np.uint64(value)

    def arange(self, n: int, dtype: Any) -> Any:
        return self.xp.arange(n, dtype=dtype, device=self.device)


def _native(xp: Any, storage: str, given: Mapping[str, Any]) -> Any:
    if storage in given:
        return given[storage]
    if storage == "bool":
        return getattr(xp, "bool", None) or xp.bool_
    return getattr(xp, _KINDS[storage[0]] + storage.lstrip("bfiu"), None)
