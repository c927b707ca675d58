"""Ops from other distributions (group `dfdx.ops.v1`): loaded when a name is first missing, each staged and committed whole.

`import dfdx` looks for none of them. They are loaded when `dfdx.<name>` or `tensor.<name>` does not exist, when a backend registers a
kernel for an unknown op, and by the commands that list ops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import PluginError
from ..registry import OPS, OpSpec, known_ops, register
from ..tensor import Tensor
from .contain import contained
from .kernels import KernelTable
from .states import Record, State

if TYPE_CHECKING:
    from .host import Host

__all__ = ["OpPlugins", "OpRegistry", "third_party"]


class OpRegistry:
    """What a plugin's `register_ops` receives."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._ops: list[tuple[OpSpec, Callable[..., Any] | None, tuple[str, ...]]] = []
        self._kernels: list[tuple[str, str, Callable[..., Any], dict[str, Any]]] = []

    def op(self, spec: OpSpec, function: Callable[..., Any] | None = None, *, infos: str = "") -> None:
        """Register an op.

        * `function`: becomes `dfdx.<its name>` and a method of `Tensor`, and so do the op's aliases.
        * `infos`: where the conformance kit finds its samples, as "module:attribute" of an `OpInfo` or a list of them; imported
          by the kit only.

        Raises `PluginError` for a name that is taken.
        """
        if not isinstance(spec, OpSpec):
            raise PluginError(f"op() takes an OpSpec, not {type(spec).__name__}")
        if spec.name in OPS or any(s.name == spec.name for s, _, _ in self._ops):
            raise PluginError(f"op {spec.name!r} is registered already")
        names = (function.__name__, *spec.aliases) if function is not None else ()
        for name in names:
            if name.startswith("_") or hasattr(Tensor, name):
                raise PluginError(f"op {spec.name!r} cannot be called {name!r}: a tensor has that already")
        spec.package, spec.infos = self.package, infos
        self._ops.append((spec, function, spec.aliases))

    def kernel(self, name: str, *, device: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator that registers a kernel for one of these ops, or its `<op>.backward`, on the devices of one backend.

        `options` are those of a backend's own `registry.kernel`.
        """
        own = {n for s, _, _ in self._ops for n in (s.name, f"{s.name}.backward")}
        if name not in own:
            raise PluginError(
                f"a kernel for {name!r}, which is none of the ops registered here: {', '.join(sorted(own))}"
            )
        trial = KernelTable(lambda: own)

        def add(fn: Callable[..., Any]) -> Callable[..., Any]:
            trial.kernel(name, **options)(fn)
            self._kernels.append((device, name, fn, options))
            return fn

        return add

    def commit(self) -> list[tuple[str, str, Callable[..., Any], dict[str, Any]]]:
        """Put all into the tables; returns the kernels as (device, op, function, options)."""
        from ..ops._define import public

        for spec, function, aliases in self._ops:
            register(spec)
            if function is not None:
                public(*aliases)(function)
        return self._kernels


class OpPlugins:
    """The third-party ops of a host."""

    def __init__(self, host: Host) -> None:
        self._host, self._lock, self._begun = host, threading.RLock(), False
        self.records: list[Record] = []
        self._kernels: list[tuple[str, str, Callable[..., Any], dict[str, Any]]] = []

    def load(self) -> list[Record]:
        """Register them, once, each contained; returns their records."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self.records = self._host.op_records
                for r in self.records:
                    if r.state is State.FOUND:
                        self._load(r)
                watch_names(any(not r.state.usable for r in self.records))  # to say which one failed
        return self.records

    def _load(self, r: Record) -> None:
        r.plugin = contained(r, "import", r.entry.load)
        staged = OpRegistry(r.package)
        if r.state is State.FOUND:
            contained(r, "register_ops", lambda: r.plugin.register_ops(staged))
        if r.state is State.FOUND:
            kernels = staged.commit()
            r.set(State.READY)
            self._kernels += kernels
            for opened in self._host.opened():
                _add(kernels, opened.record.name, opened.kernels)

    def names(self) -> set[str]:
        """Every op, third-party ones included."""
        self.load()
        return known_ops()

    def add_kernels(self, device: str, table: KernelTable) -> None:
        """Add what op plugins bring for a backend that is being opened."""
        _add(self._kernels, device, table)

    def complaint(self) -> str:
        """Which op plugins did not load, to be said where a name is missing."""
        bad = [
            f"op plugin {r.name!r} of {r.package} is {r.state}: {r.reason}" for r in self.records if not r.state.usable
        ]
        return "; " + "; ".join(bad) if bad else ""


def _add(kernels: list[Any], device: str, table: KernelTable) -> None:
    for at, name, fn, options in kernels:
        if at == device:
            table.add(name, fn, **options)


def third_party(owner: str, name: str) -> Any:
    """The function of that name which a third-party op brings; `AttributeError` if there is none."""
    if not name.startswith("_"):
        from ..ops._define import FUNCTIONS
        from .host import host

        plugins = host().ops
        plugins.load()
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        raise AttributeError(f"{owner} has no attribute {name!r}{plugins.complaint()}")
    raise AttributeError(f"{owner} has no attribute {name!r}")


def _missing_method(self: Tensor, name: str) -> Any:
    function = third_party("a tensor", name)
    return function.__get__(self)


def watch_names(wanted: bool) -> None:
    """Let a name that tensors lack load third-party ops; without that, Python finds all attributes of a tensor four times as fast."""
    if wanted:
        Tensor.__getattr__ = _missing_method  # type: ignore[method-assign]
    elif "__getattr__" in vars(Tensor):
        del Tensor.__getattr__
