"""The kernels of one device: staged while the plugin registers, then committed whole."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from ..dtypes import DTYPES
from ..errors import PluginError
from ..registry import PRIMITIVES, known_ops

__all__ = ["Kernel", "KernelTable"]


class Kernel(NamedTuple):
    """A function and what it takes."""

    fn: Callable[..., Any]
    dtypes: Collection[Any] | None
    when: Callable[..., bool] | None
    specialize: bool
    contiguous: bool
    base: bool

    def describe(self) -> str:
        """Where it lives and what it takes, for `explain`."""
        limits = [f"dtypes {', '.join(sorted(d.name for d in self.dtypes or ()))}"] * (self.dtypes is not None)
        limits += ["where its predicate accepts"] * (self.when is not None)
        name = getattr(self.fn, "__qualname__", repr(self.fn)).replace("register.<locals>.", "")
        return f"{getattr(self.fn, '__module__', '?')}.{name}" + (f" ({'; '.join(limits)})" if limits else "")


class KernelTable:
    """Kernels by op name: exact ones, then those with a predicate, then those of a base; else in the order of registration."""

    def __init__(self, names: Callable[[], Collection[str]] = known_ops) -> None:
        """`names()` is asked for every name under which a kernel may be registered when one is not an op of core."""
        self._kernels: dict[str, tuple[Kernel, ...]] = {}
        self._names, self._sealed = names, False

    def kernel(
        self,
        name: str,
        *,
        dtypes: Collection[Any] | None = None,
        when: Callable[..., bool] | None = None,
        specialize: bool = False,
        contiguous: bool = False,
        base: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator that registers a kernel.

        * `name`: a primitive, any op, or `<op>.backward`; an unknown one is a `PluginError`.
        * `dtypes`: that all inputs must have; `when(signature, **attrs)`: a predicate on the call.
        * `specialize`: the function is called once per types and attributes, as `fn(signature, **attrs)`, and returns
          the kernel proper, or `NotImplemented` to decline.
        * `contiguous`: inputs must be in row-major storage; core copies views first.
        * `base`: from a generic set; every other kernel of that name goes first.
        """

        def put(fn: Callable[..., Any]) -> Callable[..., Any]:
            if self._sealed:
                raise PluginError(f"a kernel for {name!r} is registered too late: only register_kernels may register")
            self.add(name, fn, dtypes=dtypes, when=when, specialize=specialize, contiguous=contiguous, base=base)
            return fn

        return put

    def seal(self) -> None:
        """Registration is over: from now on `kernel` raises."""
        self._sealed = True

    def add(
        self, name: str, fn: Callable[..., Any], *, dtypes: Collection[Any] | None = None, when: Any = None,
        specialize: bool = False, contiguous: bool = False, base: bool = False,
    ) -> None:  # fmt: skip
        """Put a kernel into the table, whether it is sealed or not."""
        if name not in known_ops() and name not in (names := self._names()):
            near = difflib.get_close_matches(name, names, 1)
            raise PluginError(f"unknown op {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if not callable(fn):
            raise PluginError(f"the kernel for {name!r} is not callable: {fn!r}")
        if when is not None and not callable(when):
            raise PluginError(f"the predicate of the kernel for {name!r} is not callable: {when!r}")
        if dtypes is not None and not all(d in DTYPES.values() for d in dtypes):
            raise PluginError(f"the dtypes of the kernel for {name!r} are no dtypes of dfdx: {dtypes!r}")
        new = Kernel(fn, frozenset(dtypes) if dtypes is not None else None, when, specialize, contiguous, base)
        former = self._kernels.get(name, ())
        same = [k for k in former if k.base == base and k.dtypes == new.dtypes and not k.specialize]
        if any(k.when is None and when is None for k in same):
            raise PluginError(f"a kernel for {name!r} is registered twice")
        self._kernels[name] = tuple(sorted((*former, new), key=lambda k: (k.base, k.when is not None)))

    def kernels_of(self, holder: Any) -> None:
        """Register every public method of an object under its name (a trailing underscore is dropped)."""
        for attribute in dir(holder):
            if not attribute.startswith("_") and attribute.rstrip("_") in known_ops():
                self.kernel(attribute.rstrip("_"))(getattr(holder, attribute))

    def candidates(self, name: str) -> tuple[Kernel, ...]:
        """The kernels of that name, best first."""
        return self._kernels.get(name, ())

    def names(self) -> set[str]:
        return set(self._kernels)

    def missing(self) -> list[str]:
        """The primitives without a kernel."""
        return [p for p in PRIMITIVES if p not in self._kernels]
