"""The host: finds backends by their entry points, contains whatever they do, and remembers why.

A plugin is imported when its device is first asked for. Names, blocking, duplicates and other API majors are decided from
metadata alone.
"""

from __future__ import annotations

import atexit
import difflib
import logging
import os
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import pluggy

from ..errors import BackendUnavailable, DeviceError, PluginError
from . import hookspecs
from .hookspecs import API, GROUP
from .info import BackendInfo, Capabilities, DeviceInfo
from .kernels import KernelTable

__all__ = ["Host", "Opened", "Record", "State", "host"]

log = logging.getLogger("dfdx.plugins")
BUILT_IN = "dfdx"


class State(StrEnum):
    """What became of a plugin."""

    FOUND = "found"
    BLOCKED = "blocked"
    SHADOWED = "shadowed"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    PARTIAL = "partial"
    READY = "ready"


@dataclass
class Record:
    """One entry point: where it comes from, its state, and why."""

    name: str
    dist: str
    version: str
    entry: metadata.EntryPoint
    state: State = State.FOUND
    reason: str = ""
    hint: str = ""
    trace: str = ""
    plugin: Any = None
    devices: list[DeviceInfo] = field(default_factory=list)

    @property
    def package(self) -> str:
        return f"{self.dist} {self.version}"

    def set(self, state: State, reason: str = "", hint: str = "", error: BaseException | None = None) -> None:
        self.state, self.reason, self.hint = state, reason, hint
        self.trace = "".join(traceback.format_exception(error)) if error else ""

    def as_dict(self) -> dict[str, Any]:
        """For `devices --json`."""
        return {
            "name": self.name, "state": str(self.state), "reason": self.reason, "hint": self.hint, "package": self.package,
            "devices": [vars(d) for d in self.devices],
        }  # fmt: skip


@dataclass(eq=False)
class Opened:
    """An opened device."""

    record: Record
    runtime: Any
    kernels: KernelTable
    capabilities: Capabilities
    info: DeviceInfo
    call: Callable[..., Any]


def _listed(variable: str) -> set[str] | None:
    """The names in an environment variable; None if it is not set."""
    value = os.environ.get(variable)
    return None if value is None else {n.strip() for n in value.split(",") if n.strip()}


def _scan(prefix: str) -> list[Record]:
    """Every entry point whose group starts so, built-in ones first, then by distribution."""
    found: dict[tuple[str, str, str, str], Record] = {}
    for dist in metadata.distributions():
        try:
            entries, name, version = dist.entry_points, dist.metadata["Name"], dist.version
        except Exception as e:  # half-removed distributions are common
            log.warning("a distribution at %s cannot be read: %s", getattr(dist, "_path", "?"), e)
            continue
        for entry in entries:
            if entry.group.startswith(prefix):
                found.setdefault((entry.name, name, entry.value, entry.group), Record(entry.name, name, version, entry))
    return sorted(
        found.values(), key=lambda r: (r.name, r.entry.group != GROUP, r.dist != BUILT_IN, r.dist, r.entry.value)
    )


class Host:
    """Plugins by device name."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("dfdx")
        self.manager.add_hookspecs(hookspecs)
        self.records: dict[str, Record] = {}
        self.losers: list[Record] = []
        self.ops: list[Record] = []
        self._opened: dict[tuple[str, str], Opened] = {}
        self.refresh()
        atexit.register(self.close)

    # ----- what there is, from metadata only

    def refresh(self) -> None:
        """Look at the installed distributions again; plugins that are in use stay."""
        kept = {n: r for n, r in self.records.items() if r.state in (State.READY, State.PARTIAL)}
        self.records, self.losers = {}, []
        allowed, blocked = _listed("DFDX_PLUGINS"), _listed("DFDX_BLOCK") or set()
        prefer = dict(p.split(":", 1) for p in _listed("DFDX_PREFER") or () if ":" in p)
        for r in _scan("dfdx.backends.v"):
            other = self.records.get(r.name)
            if r.entry.group != GROUP:
                r.set(
                    State.INCOMPATIBLE,
                    f"built for {r.entry.group}, this dfdx speaks {GROUP}",
                    f"install a {r.dist} made for {GROUP}",
                )
            if other is None or (prefer.get(r.name) == r.dist and other.dist != r.dist and r.state is State.FOUND):
                self.records[r.name], loser = r, other
            else:
                loser = r
            if loser is not None:
                winner = self.records[r.name]
                if loser.state is State.FOUND:
                    loser.set(
                        State.SHADOWED,
                        f"{r.name!r} is already provided by {winner.package}",
                        f"DFDX_PREFER={r.name}:{loser.dist} chooses this one",
                    )
                self.losers.append(loser)
        for r in self.records.values():
            if r.name in blocked:
                r.set(State.BLOCKED, "named in DFDX_BLOCK", f"take {r.name} out of DFDX_BLOCK")
            elif allowed is not None and r.name not in allowed:
                r.set(State.BLOCKED, "not named in DFDX_PLUGINS", f"add {r.name} to DFDX_PLUGINS")
        self.records.update(kept)

    def rows(self, probe: bool = True) -> list[Record]:
        """A record per entry point; `probe` loads each, contained, so that the state is the real one."""
        if probe:
            for r in self.records.values():
                if r.state is State.FOUND:
                    self._bring_up(r)
        return sorted([*self.records.values(), *self.losers], key=lambda r: (r.name, r.state is State.SHADOWED))

    # ----- containment

    def _contain(self, r: Record, stage: str, run: Callable[[], Any]) -> Any:
        """The result of plugin code; whatever it raises becomes the record's state. Global settings are put back."""
        numpy_state, filters = np.geterr(), warnings.filters[:]
        try:
            return run()
        except KeyboardInterrupt:
            raise
        except BackendUnavailable as e:
            r.set(State.UNAVAILABLE, e.reason, e.hint, e)
        except BaseException as e:
            if os.environ.get("DFDX_PLUGINS_STRICT") == "1":
                raise
            r.set(
                State.FAILED,
                f"{stage}: {type(e).__name__}: {e}",
                f"python -m dfdx doctor {r.name} shows the traceback",
                e,
            )
            log.warning("backend %r of %s failed in %s: %s", r.name, r.package, stage, e)
        finally:
            np.seterr(**numpy_state)
            warnings.filters[:] = filters  # type: ignore[index]
        return None

    def _bring_up(self, r: Record) -> None:
        """found -> incompatible, failed, unavailable, or ready to be opened."""
        r.plugin = self._contain(r, "import", r.entry.load)
        if r.state is State.FOUND:
            self._contain(r, "hooks", lambda: self._register(r))
        if r.state is not State.FOUND:
            return
        info = self._contain(r, "backend_info", lambda: self._call(r, "backend_info"))
        if r.state is State.FOUND:
            self._check_api(r, info)
        if r.state is State.FOUND:
            found = self._contain(r, "backend_probe", lambda: _device_infos(self._call(r, "backend_probe")))
            r.devices = found or []
        if r.state is State.FOUND:
            self._open(r, 0, {})
        elif self.manager.has_plugin(r.name):
            self.manager.unregister(name=r.name)

    def _register(self, r: Record) -> None:
        try:
            self.manager.register(r.plugin, r.name)
            self.manager.check_pending()
        except BaseException:
            if self.manager.has_plugin(r.name):
                self.manager.unregister(name=r.name)
            raise
        if not self.manager.get_hookcallers(r.plugin):
            self.manager.unregister(name=r.name)
            raise PluginError("the module has no hook implementations; mark them with dfdx.hookimpl")

    def _check_api(self, r: Record, info: Any) -> None:
        if not isinstance(info, BackendInfo):
            r.set(
                State.FAILED,
                f"backend_info: must return a BackendInfo, not {type(info).__name__}",
                "see docs/write-a-backend.md",
            )
        elif info.api[0] != API[0] or info.api[1] > API[1]:
            r.set(
                State.INCOMPATIBLE,
                f"needs backend API {info.api}, this dfdx has {API}",
                "update dfdx" if info.api > API else f"update {r.dist}",
            )

    def _call(self, r: Record, hook: str, **arguments: Any) -> Any:
        others = [p for p in self.manager.get_plugins() if p is not r.plugin]
        return self.manager.subset_hook_caller(hook, others)(**arguments)

    # ----- opening

    def open(self, name: str) -> Opened:
        """The opened device of that name, e.g. "cpu", "cuda:1", "opencl:pocl"; raises `DeviceError` with the stored reason."""
        base, _, suffix = name.partition(":")
        r = self.records.get(base)
        if r is None:
            raise DeviceError(self._unknown(base))
        if r.state is State.FOUND:
            self._bring_up(r)
        key = (base, suffix or "0")
        if key not in self._opened and r.state in (State.READY, State.PARTIAL):
            index, options = (int(suffix), {}) if suffix.isdigit() else (0, {"select": suffix} if suffix else {})
            found = self._open(r, index, options, suffix or "0")
            if isinstance(found, BaseException):
                raise found
        if r.state is State.UNAVAILABLE:
            raise BackendUnavailable(f"device {base!r} is unavailable: {r.reason}", r.hint)
        if r.state not in (State.READY, State.PARTIAL):
            hint = f"\n  hint: {r.hint}" if r.hint else ""
            raise DeviceError(f"device {base!r} cannot be used: {r.state} ({r.reason}) [from {r.package}]{hint}")
        return self._opened[key]

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.records, 1)
        known = ", ".join(self.records) or "none; install dfdx with pip, so that its entry points exist"
        return f"no backend named {name!r}; installed: {known}" + (f". Did you mean {near[0]!r}?" if near else "")

    def _open(self, r: Record, index: int, options: dict[str, Any], suffix: str = "0") -> Any:
        """Open and register, all or nothing. A first opening that fails sets the plugin's state; a later one is returned as its error."""
        first = r.state is State.FOUND
        table = KernelTable()

        def run() -> Opened:
            runtime = self._call(r, "backend_open", index=index, options=options)
            if runtime is None:
                raise PluginError("backend_open returned nothing; it must return the runtime")
            capabilities = self._call(r, "backend_capabilities", runtime=runtime) or Capabilities()
            self._call(r, "register_kernels", registry=table, runtime=runtime)
            info = next((d for d in r.devices if d.index == index), DeviceInfo(index))
            return Opened(r, runtime, table, capabilities, info, lambda hook, **kw: self._call(r, hook, **kw))

        if not first:
            try:
                opened = run()
            except KeyboardInterrupt:
                raise
            except BackendUnavailable as e:
                return e
            except BaseException as e:
                return DeviceError(
                    f"device '{r.name}:{suffix}' cannot be opened: {type(e).__name__}: {e} [from {r.package}]"
                )
        else:
            opened = self._contain(r, "register_kernels", run)
            if r.state is not State.FOUND:
                return None
            missing = table.missing()
            what = f"missing {', '.join(missing)} ({len(missing)} primitives)"
            r.set(
                State.PARTIAL if missing else State.READY,
                what if missing else "",
                "ops that need them raise MissingKernelError" if missing else "",
            )
        self._opened[(r.name, suffix)] = opened
        return opened

    def load_ops(self) -> list[Record]:
        """Register third-party ops (group `dfdx.ops.v1`), each contained; returns their records."""
        if not self.ops:
            for r in _scan(hookspecs.OPS_GROUP):
                self.ops.append(r)
                r.plugin = self._contain(r, "import", r.entry.load)
                if r.state is State.FOUND:
                    self._contain(r, "register_ops", partial(_register_ops, r))
                if r.state is State.FOUND:
                    r.set(State.READY)
        return self.ops

    def close(self) -> None:
        """Close what was opened, last first."""
        for opened in reversed(list(self._opened.values())):
            self._contain(opened.record, "backend_close", partial(opened.call, "backend_close", runtime=opened.runtime))
        self._opened.clear()


def _register_ops(r: Record) -> None:
    from ..opplugins import OpRegistry

    staged = OpRegistry(r.package)
    r.plugin.register_ops(staged)
    staged.commit()


def _device_infos(found: Any) -> list[DeviceInfo]:
    if not isinstance(found, Iterable):
        raise PluginError(f"backend_probe must return a list of DeviceInfo, not {type(found).__name__}")
    infos = list(found)
    if any(not isinstance(d, DeviceInfo) for d in infos):
        raise PluginError("backend_probe must return a list of DeviceInfo")
    if not infos:
        raise BackendUnavailable("the backend found no device", "")
    return infos


_host: list[Host] = []


def host() -> Host:
    """The one host of this process, made when it is first needed."""
    if not _host:
        _host.append(Host())
    return _host[0]
